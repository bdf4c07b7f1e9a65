/// How patient a notification is. Every duration is positive.
public struct NotificationTimings: Sendable, Equatable {
  /// Within which a lock can be reclaimed: retries are frequent. From the notification's start.
  public var gracePeriod: Duration
  /// When it ends, whoever has not answered. From the notification's start.
  public var limit: Duration
  /// The first wait for an answer while nothing is known about the network.
  public var firstWait = Duration.milliseconds(500)
  /// The shortest wait for an answer. rpc.statd asks the resolver before it answers, so that an answer may take
  /// much longer than the network does.
  public var shortestWait = Duration.milliseconds(200)
  /// The longest wait between two attempts within the grace period.
  public var longestWait = Duration.seconds(4)
  /// The longest wait between two attempts after it.
  public var longestWaitAfterGrace = Duration.seconds(60)
  /// A name that the resolver has not answered for this long is shown as such, and the next name is asked about; the
  /// answer counts whenever it comes.
  public var resolverPatience = Duration.seconds(1)
  /// This many attempts without any answer over UDP, then one over TCP.
  public var datagramAttempts = 3
  /// One connection of a conversation over TCP: as long as one repeated SYN needs (RFC 6298: after 1 s).
  public var connectLimit = Duration.milliseconds(1_500)
  /// A conversation over TCP ends after this.
  public var streamLimit = Duration.seconds(3)
  /// Most names that wait for the resolver within its patience.
  public var mostResolving = 32
  /// Most names that wait for the resolver at all: a look-up takes a thread. glibc's gives up after some ten seconds
  /// for each name server (resolv.conf(5): timeout, attempts).
  public var mostLookUps = 512
  /// After so many attempts in a row without an answer, or with a refusal, a host name is looked up again.
  public var attemptsUntilLookUp = 6
  /// Most TCP conversations at once.
  public var mostStreams = 512

  /// Timings with the defaults of everything else.
  public init(gracePeriod: Duration, limit: Duration) {
    self.gracePeriod = gracePeriod
    self.limit = max(limit, .milliseconds(1))
  }

  func longestWait(at now: Duration) -> Duration {
    now < gracePeriod ? longestWait : longestWaitAfterGrace
  }
}
