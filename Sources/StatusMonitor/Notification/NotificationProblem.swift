/// Why a client has not been told yet.
public enum NotificationProblem: Sendable, Equatable, CustomStringConvertible {
  /// Nothing came back.
  case silent
  /// The resolver has not answered.
  case resolverSilent
  /// The resolver knows no address; what it said.
  case unknownHost(String)
  /// The client's rpcbind does not know a status monitor.
  case notRegistered
  /// Nothing listens at the client's rpcbind port, or at the status monitor's.
  case closed(rpcbind: Bool)
  /// The client's rpcbind or status monitor refused the call; how.
  case rejected(String)
  /// The network says that there is no way; what it said.
  case unreachable(String)
  /// What came back is no answer.
  case garbled

  /// What happened and what to look at, without a full stop.
  public var description: String {
    switch self {
    case .silent:
      "no answer; is the client up, and does its firewall let rpcbind (111) and rpc.statd through?"
    case .resolverSilent: "the resolver has not answered for its name; put the name into /etc/hosts"
    case .unknownHost(let reason): "its name has no address here (\(reason)); put it into DNS or /etc/hosts"
    case .notRegistered: "its rpcbind answers and knows no status monitor; is rpc.statd running there?"
    case .closed(rpcbind: true): "nothing listens on its port 111; is rpcbind running there?"
    case .closed(rpcbind: false):
      "nothing listens where its rpcbind says the status monitor is; has rpc.statd died there?"
    case .rejected(let how): "it refused the call: \(how)"
    case .unreachable(let reason): "no way to it: \(reason)"
    case .garbled: "what it answers can't be read; is something else listening there?"
    }
  }
}
