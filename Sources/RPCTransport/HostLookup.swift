/// The system's resolver.
public enum HostLookup {
  /// The addresses of a host, each 4 or 16 bytes in network order; none where it has none or the resolver fails. May
  /// block as long as the resolver likes: call from a thread of your own.
  public static func addresses(of name: String) -> [[UInt8]] {
    guard let found = try? SocketAddress.resolve(host: name) else { return [] }
    return found.compactMap { RPCServer.Caller(socketAddress: $0.bytes)?.address }
  }
}
