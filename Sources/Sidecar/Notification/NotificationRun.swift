import Cluster
import Logging
import NodeHost
import RPCTransport
import StatusMonitor

/// What the clients of a service are to be told, and by whom.
struct NotificationAssignment: Sendable {
  /// Who does it.
  enum Teller: Sendable, Equatable {
    /// lockferry itself.
    case builtIn
    /// nfs-utils' sm-notify.
    case smNotify
  }

  var service: ServiceName
  var epoch: UInt64
  var number: StateNumber
  var teller: Teller
  /// The names under which clients mount it, as configured.
  var names: [String]
  /// The service's addresses, without prefix length; none where something else moves them. Clients are told from the
  /// first of each kind.
  var addresses: [String]
  /// Where they are, if the service is isolated.
  var namespace: ServiceNamespace?
  /// How long clients that do not answer are told again, from the attempt's begin.
  var retry: Duration
  /// What was left of the grace period when the attempt began; nil where that is not known.
  var graceLeft: Duration?
  /// Of the lock manager, as configured: for so long clients are asked often where nothing better is known.
  var gracePeriod: Duration
  /// Between the attempt's begin and now, where it goes on.
  var elapsed = Duration.zero
  /// Clients that have answered the notification before: the others come first.
  var toldBefore: Set<String> = []
}

/// Clients of one service being told from a status directory of its own.
protocol NotificationRun: Sendable {
  /// The names under which clients are told; empty where they are not known.
  var names: [String] { get }
  /// How far it is.
  func progress() async throws -> NotificationProgress
  /// Everybody who was in the directory when it began, and what became of them.
  func clients() async throws -> [HistoryEntry.Client]
  /// Works until all are told, the time is up, or it is stopped. Returns how it ended, in words.
  func run() async -> String
  /// Ends it.
  func stop()
}

extension NotificationAssignment {
  /// What is left of the time for telling.
  var retryLeft: Duration { max(retry - elapsed, .milliseconds(1)) }

  /// The same attempt, as another daemon began it.
  func continuing(_ note: NotifyDirectory.Note) -> NotificationAssignment {
    var assignment = self
    assignment.number = note.number
    assignment.retry = .milliseconds(note.retry)
    assignment.graceLeft = note.graceLeft.map { .milliseconds($0) }
    assignment.elapsed = .milliseconds(max(BootClock.now.wholeMilliseconds - note.startedAt, 0))
    return assignment
  }

  /// Begins to tell those who are in `directory`.
  func start(in directory: StatusDirectory, log: Logger) async throws -> any NotificationRun {
    switch teller {
    case .smNotify: return try await SmNotifyRun.start(self, in: directory)
    case .builtIn:
      let sources = addresses.compactMap { HostAddress(literal: $0.utf8) }
      let names = await NotificationNames.resolved(
        given: names, addresses: sources.map(\.description), within: .milliseconds(500))
      let often = max((graceLeft ?? gracePeriod) - elapsed, .milliseconds(1))
      var told = DirectoryNotification.Assignment(
        names: names, number: number, sources: sources,
        timings: NotificationTimings(gracePeriod: often, limit: retryLeft))
      (told.toldBefore, told.elapsed, told.namespace) = (toldBefore, elapsed, namespace)
      let notification = try await DirectoryNotification.start(
        told, try await DirectoryNotification.retire(in: directory), in: directory, recency: .cookie,
        ledger: AttemptLedger(in: directory))
      if !notification.notifier.isPrivileged {
        log.warning(
          "clients are told from ports above 1023, which some of them may not believe",
          metadata: ["service": "\(service)"])
      }
      return notification
    }
  }
}
