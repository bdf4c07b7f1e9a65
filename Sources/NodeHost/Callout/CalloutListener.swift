public import CalloutProtocol
public import StatusMonitor
import Synchronization

/// Listens for callouts, on one thread of its own.
///
/// Whoever asks must be the owner of `sm/`, as which statd and its callout run, or root: the kernel's word for it
/// counts (SO_PEERCRED), beside the socket's mode. No peer can hold the thread up, and so many questions at most are
/// open at a time; the kernel's queue holds the others.
public final class CalloutListener: Sendable {
  /// The most questions that are open at a time: below the usual limit of 1024 open files.
  public static let mostQuestions = 512

  /// A callout that waits for its answer.
  public struct Question: Sendable {
    /// To answer it by.
    public let number: UInt64
    /// What statd said.
    public let request: CalloutRequest
    /// For an added client: the record that statd has just written, where it lies under the name that statd said.
    public let record: FreshRecord?
  }

  /// A record that was written within the last seconds.
  public struct FreshRecord: Sendable, Equatable {
    /// The name of its file.
    public let client: ClientName
    /// The file, byte for byte.
    public let bytes: [UInt8]
  }

  /// What happens besides questions.
  public enum Event: Sendable, Equatable {
    /// Callouts of this user are heard.
    case listening(user: UInt32)
    /// They are not, and why; tried again within a second.
    case deaf(String)
    /// Somebody asked who may not, or what can't be understood.
    case refused(String)
  }

  /// Every question, in the order in which they came; ends after ``stop()``. For one reader.
  public let questions: AsyncStream<Question>
  /// An element when there may be something in the spool. For one reader.
  public let spooled: AsyncStream<Void>

  private let loop: CalloutLoop.Channel

  /// Listens at `places` for the statd of `directory`; nothing happens before ``start()``.
  ///
  /// - Parameter onEvent: called on the listener's thread; must not wait.
  /// - Throws: ``NodeHostError`` where this process may open no further file.
  public init(
    places: CalloutPlaces, settings: CalloutSettings, directory: StatusDirectory,
    onEvent: @escaping @Sendable (Event) -> Void
  ) throws(NodeHostError) {
    let (questions, question) = AsyncStream.makeStream(of: Question.self)
    let (spooled, spool) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.questions = questions
    self.spooled = spooled
    loop = CalloutLoop.Channel(
      folder: CalloutFolder(places: places), settings: settings, directory: directory, question: question,
      spool: spool, onEvent: onEvent, signal: try ThreadSignal())
  }

  /// Starts the thread and returns at once. To be called once.
  ///
  /// - Throws: ``NodeHostError`` where the kernel allows no further thread.
  public func start() throws(NodeHostError) {
    let channel = loop
    try OwnThread.start("lf-callout") {
      var loop = CalloutLoop(channel)
      loop.run()
    }
  }

  /// Answers a question, once. The callout may be gone by then.
  public func answer(_ number: UInt64, _ reply: CalloutReply) {
    loop.outbox.withLock { $0.append((number, reply)) }
    loop.signal.raise()
  }

  /// Ends the thread and takes the socket away.
  public func stop() {
    loop.isStopping.withLock { $0 = true }
    loop.signal.raise()
  }
}
