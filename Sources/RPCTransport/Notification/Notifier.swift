import CLinux
import Glibc
public import StatusMonitor
import Synchronization

/// Carries out a ``NotificationSchedule`` on a thread of its own: begins when it is made, ends by itself.
///
/// Everything that goes out over UDP goes through a few sockets at the server's address, since a client's status
/// monitor knows the server by its name or by where the notification comes from.
public final class Notifier: Sendable {
  /// A new element whenever there is something new to ask for, and the end.
  public let changes: AsyncStream<Void>
  /// Whether the notifications leave from privileged ports, which some clients insist on.
  public let isPrivileged: Bool

  private let desk: NotifierDesk

  /// How many sockets share what goes to one kind of address.
  private static let socketsPerFamily = 2

  /// Begins to tell `clients`.
  ///
  /// - Parameter sources: the server's own addresses, at most one of each kind; what goes to clients of the other kind
  ///   leaves from whatever address the kernel chooses.
  /// - Throws: ``RPCError`` where a source isn't an address of this machine, or the system refuses sockets or a thread.
  public init(
    _ errand: NotificationErrand, to clients: [NotificationClient], timings: NotificationTimings,
    from sources: [HostAddress]
  ) throws(RPCError) {
    let wake = lfh_event()
    guard wake >= 0 else { throw RPCError(.failed, "no eventfd: \(systemErrorText(-wake))") }
    let desk = NotifierDesk(
      NotificationSchedule(
        errand, to: clients, timings: timings, salt: UInt32.random(in: .min ... .max)), wake: wake)
    self.desk = desk
    (changes, desk.change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    var opened: [NotifierLoop.OpenSocket] = []
    var isPrivileged = true
    do throws(RPCError) {
      for isIPv6 in [false, true] {
        let configured = sources.first { $0.isIPv6 == isIPv6 }
        let source = configured ?? .any(isIPv6: isIPv6)
        for _ in 0..<Self.socketsPerFamily {
          do throws(RPCError) {
            let (number, privileged) = try FanoutSocket.open(from: source.peer(port: 0))
            isPrivileged = isPrivileged && privileged
            opened.append(.init(number: number, source: source))
          } catch {
            // A machine without IPv6 has no client with such an address either, or none that it can reach.
            guard configured == nil, error.code == .unreachable else { throw error }
          }
        }
      }
    } catch {
      for socket in opened { close(socket.number) }
      throw error
    }
    self.isPrivileged = isPrivileged
    let sockets = opened
    let watch = lfn_open_watch()
    // A new thread is where the caller is, which may be in a network namespace.
    let job = Job(changesThread: true) { NotifierLoop.run(desk, sockets, watch: watch) }
    guard watch >= 0, job.start() else {
      for socket in sockets { close(socket.number) }
      if watch >= 0 { close(watch) }
      throw RPCError(.failed, "the system has no thread or descriptor left for the notifications")
    }
  }

  deinit { stop() }

  /// How far it is.
  public var progress: NotificationProgress { desk.state.withLock { $0.schedule.progress } }

  /// What became of every client, in the order of the list.
  public var ledgers: [NotificationLedger] {
    desk.state.withLock { state in state.schedule.allLedgers }
  }

  /// What became of those who have answered to something since it was last asked.
  public func takeNews() -> [NotificationLedger] { desk.state.withLock { $0.schedule.takeNews() } }

  /// Ends it; whoever was not told is not told by this notifier any more.
  public func stop() {
    desk.state.withLock { $0.isStopped = true }
    lfh_signal_event(desk.wake)
  }
}

/// What the notifier's thread shares with everybody else.
final class NotifierDesk: Sendable {
  struct State {
    var schedule: NotificationSchedule
    var resolved: [(client: Int, result: Result<[HostAddress], RPCError>)] = []
    var isStopped = false
  }

  let state: Mutex<State>
  /// An eventfd that wakes the thread.
  let wake: Int32
  let start = lfh_boot_nanoseconds()
  private let continuation = Mutex<AsyncStream<Void>.Continuation?>(nil)

  init(_ schedule: NotificationSchedule, wake: Int32) {
    state = Mutex(State(schedule: schedule))
    self.wake = wake
  }

  deinit { close(wake) }

  var change: AsyncStream<Void>.Continuation {
    get { continuation.withLock { $0 } ?? AsyncStream.makeStream(of: Void.self).continuation }
    set { continuation.withLock { $0 = newValue } }
  }

  /// Time since the start.
  var now: Duration { .nanoseconds(lfh_boot_nanoseconds() - start) }
}
