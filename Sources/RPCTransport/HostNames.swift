import Glibc
import StatusMonitor

/// What the resolver says about this host's own names.
public enum HostNames {
  /// The full name of a host name; nil where the resolver knows none within the limit, or `name` is a literal.
  public static func canonical(of name: String, within limit: Duration = .seconds(2)) async -> String? {
    guard HostAddress(literal: name.utf8) == nil else { return nil }
    return try? await RPCThreads.shared.run("the full name of \(name)", within: limit) {
      _ throws(RPCError) -> String? in
      var hints = addrinfo()
      hints.ai_flags = AI_CANONNAME
      hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
      var list: UnsafeMutablePointer<addrinfo>?
      guard getaddrinfo(name, nil, &hints, &list) == 0 else { return nil }
      defer { freeaddrinfo(list) }
      return list?.pointee.ai_canonname.map { String(cString: $0) }
    }
  }
}
