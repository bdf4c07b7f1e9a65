import CalloutProtocol
import Glibc

/// What `rpc.statd -H` runs for every client that it begins or ceases to monitor, and for every client that says that
/// it has restarted. statd waits for it, lockd for statd, and the client's lock for lockd; so it tells the daemon,
/// returns when the daemon says that the record is durable in the shared store, and never later than its limit.
///
/// It runs as statd's user without any capability. Whatever it ends with, statd goes on: it can't refuse a lock.
@main
enum Callout {
  /// How it ends; statd only logs it.
  enum ExitStatus: Int32 {
    /// Durable, heard, or nothing to do.
    case delivered = 0
    /// Not delivered, and left in the spool.
    case spooled = 1
    /// Not delivered, and not left in the spool either.
    case lost = 2
    /// The arguments are not those of rpc.statd.
    case usage = 64
    /// `ping`: nobody answers.
    case unavailable = 69
    /// `ping`: this user may not ask.
    case notPermitted = 77
  }

  /// What the process may take beyond its limit: keeping what was not delivered, and a line in the log.
  private static let guardMilliseconds = 500

  static func main() {
    let arguments = rawArguments()
    guard let request = request(arguments) else {
      SystemLog.warn(
        "rpc.statd runs this as add-client MON_NAME MY_NAME, del-client MON_NAME MY_NAME or "
          + "sm-notify MON_NAME SOURCE [STATE]; `ping` asks whether the daemon answers")
      exit(ExitStatus.usage.rawValue)
    }
    let places = places()
    let settings = readSettings(places.settings)
    Deadline.endProcess(afterMilliseconds: settings.limitMilliseconds + guardMilliseconds)
    let deadline = Deadline(milliseconds: settings.limitMilliseconds)
    let status: ExitStatus
    do throws(DaemonConnection.Failure) {
      let reply = try DaemonConnection.ask(request, at: places.socket, until: deadline)
      status = take(reply, request, places)
    } catch {
      if request == .ping {
        SystemLog.warn(error.text)
        if case .denied = error { status = .notPermitted } else { status = .unavailable }
      } else {
        status = keep(request, places, because: error.text)
      }
    }
    // Not exit(3): there is nothing to flush, and nothing may run here that could wait.
    _exit(status.rawValue)
  }

  private static func take(
    _ reply: CalloutReply, _ request: CalloutRequest, _ places: CalloutPlaces
  ) -> ExitStatus {
    switch reply.outcome {
    case .durable, .heard, .nothingOwned: return .delivered
    case .notDurable, .refused:
      if request == .ping {
        SystemLog.warn(reply.text)
        return reply.outcome == .refused ? .notPermitted : .unavailable
      }
      return keep(request, places, because: reply.text)
    }
  }

  private static func keep(
    _ request: CalloutRequest, _ places: CalloutPlaces, because reason: String
  ) -> ExitStatus {
    do throws(Spool.Failure) {
      try Spool(folder: places.spool).keep(request)
      SystemLog.warn("\(described(request)): \(reason); left in \(places.spool)")
      return .spooled
    } catch {
      SystemLog.warn("\(described(request)): \(reason); not left in the spool either: \(error.text)")
      return .lost
    }
  }

  /// What it means for the client.
  private static func described(_ request: CalloutRequest) -> String {
    switch request {
    case .addClient(let names):
      "\(text(names.monName)) gets a lock whose record is not in the shared store yet"
    case .deleteClient(let names): "\(text(names.monName)) leaves, and the daemon does not know"
    case .restart(let restart): "\(text(restart.monName)) has restarted, and the daemon does not know"
    case .ping: "ping"
    }
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  // MARK: - What it is told

  /// The arguments' bytes: names from the network need not be UTF-8.
  private static func rawArguments() -> [[UInt8]] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { pointer in
        Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
      }
    }
  }

  private static func request(_ arguments: [[UInt8]]) -> CalloutRequest? {
    guard let verb = arguments.first.map(text) else { return nil }
    do throws(CalloutProtocolError) {
      switch (verb, arguments.count) {
      case ("add-client", 3): return .addClient(try .init(monName: arguments[1], myName: arguments[2]))
      case ("del-client", 3): return .deleteClient(try .init(monName: arguments[1], myName: arguments[2]))
      case ("sm-notify", 3), ("sm-notify", 4):
        let state = arguments.count == 4 ? Int32(text(arguments[3])) : nil
        guard arguments.count == 3 || state != nil else { return nil }
        return .restart(
          try .init(monName: arguments[1], source: arguments[2], state: state, at: UInt64(max(0, time(nil)))))
      case ("ping", 1): return .ping
      default: return nil
      }
    } catch {
      return nil
    }
  }

  private static func places() -> CalloutPlaces {
    CalloutPlaces(
      runDirectory: getenv(CalloutPlaces.variable).map { String(cString: $0) }
        ?? CalloutPlaces.defaultRunDirectory)
  }

  private static func readSettings(_ path: String) -> CalloutSettings {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return .standard }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: CalloutSettings.longestFile)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? CalloutSettings(Array(bytes.prefix(count))) ?? .standard : .standard
  }
}
