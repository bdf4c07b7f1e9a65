import ONCRPC

/// Over what a program is called.
public enum RPCProtocol: String, Sendable, CaseIterable {
  /// Datagrams.
  case udp
  /// A connection.
  case tcp

  /// The number that the port mapper uses.
  var portMapNumber: UInt32 {
    switch self {
    case .udp: PortMap.udp
    case .tcp: PortMap.tcp
    }
  }

  /// The name that rpcbind and `/etc/netconfig` use.
  func netID(isIPv6: Bool) -> String { isIPv6 ? rawValue + "6" : rawValue }
}

/// `status (100024) version 1 over udp on 127.0.0.1`: whom a call goes to, in errors.
func rpcSubject(program: UInt32, version: UInt32, over transport: RPCProtocol, host: String) -> String {
  let name: String? =
    switch program {
    case PortMap.program: "rpcbind"
    case 100_003: "nfs"
    case 100_005: "mountd"
    case 100_021: "nlockmgr"
    case 100_024: "status"
    default: nil
    }
  let shown = name.map { "\($0) (\(program))" } ?? "program \(program)"
  return "\(shown) version \(version) over \(transport.rawValue) on \(host)"
}
