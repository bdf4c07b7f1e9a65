/// The admin object of this machine's NFS-Ganesha on the system message bus, asked by `dbus-send`.
///
/// Ganesha's `src/MainNFSD/nfs_admin_thread.c` has its methods; from 2.5 on they are as they are used here.
public enum GaneshaAdmin {
  /// What it says of itself.
  public struct Standing: Sendable, Equatable {
    /// A grace period runs.
    public let isInGrace: Bool
    /// The unique name of its connection to the bus; a Ganesha that was started again has another one.
    public let connection: String
  }

  private static let name = "org.ganesha.nfsd"
  /// An answer takes milliseconds.
  private static let limit = Duration.seconds(2)
  /// Ganesha waits for locks that are being granted until it begins a grace period, five seconds at a time.
  private static let graceLimit = Duration.seconds(20)

  /// Asks whether a grace period runs.
  ///
  /// - Throws: ``NodeHostError``: `absent` where there is no dbus-send, no bus, or no Ganesha on it.
  public static func standing() async throws(NodeHostError) -> Standing {
    let reply = try await call("get_grace", [], within: limit)
    guard reply.values.count == 3, case .boolean(let isInGrace) = reply.values[0],
      case .boolean(let succeeded) = reply.values[1], succeeded
    else { throw NodeHostError(.failed, "\(name): get_grace answers something that can't be understood") }
    return Standing(isInGrace: isInGrace, connection: reply.sender)
  }

  /// Begins a grace period, or begins anew the one that runs, for the `Grace_Period` of Ganesha's configuration. It takes
  /// no locks away (`EVENT_JUST_GRACE`, `src/include/sal_data.h`), and does nothing where `Graceless` is set: look at
  /// ``standing()``.
  ///
  /// - Throws: ``NodeHostError``, as ``standing()``.
  public static func startGrace() async throws(NodeHostError) {
    // The event's number; what stands behind the colon belongs to other events.
    let reply = try await call("grace", ["string:0:"], within: graceLimit)
    guard reply.values.first == .boolean(true) else {
      throw NodeHostError(.failed, "\(name): grace is refused; its log says why")
    }
  }

  /// What the configuration that it was started with says; nil where that can't be known.
  ///
  /// - Throws: ``NodeHostError``, as ``standing()``.
  public static func configuration() async throws(NodeHostError) -> GaneshaConfiguration? {
    let bus = "org.freedesktop.DBus"
    let reply = try await call(
      "\(bus).GetConnectionUnixProcessID", ["string:\(name)"], of: "/org/freedesktop/DBus", at: bus,
      within: limit)
    guard case .number(let number)? = reply.values.first, let process = Int32(exactly: number) else {
      return nil
    }
    return GaneshaConfiguration.read(ofProcess: process)
  }

  private static func call(
    _ method: String, _ arguments: [String], within limit: Duration
  ) async throws(NodeHostError) -> MessageBusReply {
    try await call(
      "\(name).admin.\(method)", arguments, of: "/org/ganesha/nfsd/admin", at: name, within: limit)
  }

  private static func call(
    _ method: String, _ arguments: [String], of object: String, at destination: String, within limit: Duration
  ) async throws(NodeHostError) -> MessageBusReply {
    let program = try HostPrograms.find("dbus-send", package: "dbus-bin (Debian) or dbus-tools (Red Hat)")
    let milliseconds = Int(limit.components.seconds) * 1_000
    let outcome = await HostCommand.run(
      [
        program, "--system", "--print-reply", "--reply-timeout=\(milliseconds)", "--dest=\(destination)",
        object, method,
      ] + arguments, within: limit + .seconds(1))
    guard outcome.succeeded else { throw failure(method, outcome) }
    guard let reply = MessageBusReply(parsing: outcome.output) else {
      throw NodeHostError(.failed, "\(method) answers something that can't be understood")
    }
    return reply
  }

  /// By the names that the D-Bus specification gives its errors, and by what dbus-send says where there is no bus.
  static func failure(_ method: String, _ outcome: CommandOutcome) -> NodeHostError {
    let said = outcome.output.split(separator: "\n").suffix(1).joined()
    if said.contains("org.freedesktop.DBus.Error.ServiceUnknown")
      || said.contains("org.freedesktop.DBus.Error.NameHasNoOwner")
    {
      return NodeHostError(
        .absent,
        "NFS-Ganesha does not run here, or is not on the system message bus (\(name)): start it, as by systemctl "
          + "start nfs-ganesha")
    }
    if said.contains("Failed to open connection") {
      return NodeHostError(
        .absent, "there is no system message bus, by which NFS-Ganesha is asked: start dbus (\(said))")
    }
    if said.contains("org.freedesktop.DBus.Error.NoReply") || outcome.status == .timedOut {
      return NodeHostError(.failed, "NFS-Ganesha does not answer on the system message bus: \(method)")
    }
    if said.contains("org.freedesktop.DBus.Error.AccessDenied") {
      return NodeHostError(
        .denied,
        "the system message bus does not let lockferry talk to NFS-Ganesha: run it as root, with Ganesha's own "
          + "org.ganesha.nfsd.conf in /etc/dbus-1/system.d (\(said))")
    }
    return NodeHostError(
      .failed, "NFS-Ganesha, \(method): \(outcome)" + (said.isEmpty ? "" : ", saying: \(said)"))
  }
}
