import CLinux

/// The interfaces and addresses of a network namespace.
enum LinkTable {
  /// An address that an interface has.
  struct Entry: Hashable, Sendable {
    let address: IPAddress
    let prefixLength: Int
    let interface: String

    /// As `ip address` writes it.
    var text: String { "\(address)/\(prefixLength)" }
  }

  /// Every address in the calling thread's network namespace (getifaddrs(3)).
  static func entries() throws(NodeHostError) -> [Entry] {
    var capacity = 64
    while true {
      var found = [lfh_address](repeating: lfh_address(), count: capacity)
      let count = lfh_addresses(&found, Int32(capacity))
      guard count >= 0 else { throw NodeHostError(-count, "can't list this machine's addresses") }
      if Int(count) <= capacity { return found.prefix(Int(count)).map { entry(of: $0) } }
      capacity = Int(count) * 2
    }
  }

  /// The interface called `name` in the calling thread's network namespace.
  static func link(_ name: String) throws(NodeHostError) -> lfh_link {
    var link = lfh_link()
    let failure = lfh_find_link(name, &link)
    guard failure == 0 else {
      throw NodeHostError(
        -failure, "network interface \(name)", remedy: "see the names with: ip link")
    }
    return link
  }

  private static func entry(of found: lfh_address) -> Entry {
    let bytes = withUnsafeBytes(of: found.bytes) { Array($0.prefix(found.is_ipv6 ? 16 : 4)) }
    let interface = withUnsafeBytes(of: found.interface) { Array($0.prefix { $0 != 0 }) }
    return Entry(
      address: IPAddress(bytes: bytes), prefixLength: Int(found.prefix_length),
      interface: String(decoding: interface, as: UTF8.self))
  }
}

extension lfh_link {
  /// IFF_UP
  var isUp: Bool { lfh_link_is_up(self) }

  /// Whether neighbours on it ask for link-layer addresses.
  var hasNeighbours: Bool { lfh_link_has_neighbours(self) }

  /// The link's own address, such as a MAC address.
  var hardwareAddress: [UInt8] {
    withUnsafeBytes(of: address) { Array($0.prefix(Int(address_length))) }
  }
}
