internal import NodeHost

/// Reading of a service's `address:`, and of `addresses:`.
enum NodeFileAddresses {
  /// `10.0.0.10/24`, a list of such, or `{address: 10.0.0.10, take: {...}, release: {...}}`.
  static func service(_ value: NodeFileValue, _ section: NodeFileSection) -> ServiceAddressConfiguration? {
    let interface = section.optional("interface")
    guard value.isScalar || value.isList else {
      interface?.report("belongs to an address with prefix length; here commands move the address")
      return commands(value)
    }
    let name = interface?.interfaceName()
    if interface == nil {
      value.report("`interface` is missing beside it: the network interface that gets the address")
    }
    guard let elements = value.isList ? value.list(of: "addresses with prefix length") : [value] else {
      return nil
    }
    if elements.isEmpty { value.report("is empty: leave it out where something else moves the address") }
    let addresses = elements.map(address)
    guard let name, !elements.isEmpty, !addresses.contains(where: { $0 == nil }) else { return nil }
    return .interface(
      addresses.compactMap { $0 }.map {
        InterfaceAddress(address: $0.address.text, prefixLength: $0.prefixLength, interface: name)
      })
  }

  private static func commands(_ value: NodeFileValue) -> ServiceAddressConfiguration? {
    guard let commands = value.section(known: ["address", "take", "release"]) else { return nil }
    let address = commands.required("address", "the address that the commands move, without prefix length")
    let take = commands.required("take", "{command: [...]} that takes the address")
    let release = commands.required("release", "{command: [...]} that gives the address up")
    let host = address.flatMap { value in value.text("an address").flatMap(value.hostAddress) }
    let takeCommand = take.flatMap(NodeFileCommands.command)
    let releaseCommand = release.flatMap(NodeFileCommands.command)
    guard let host, let takeCommand, let releaseCommand else { return nil }
    return .command(address: host.text, take: takeCommand, release: releaseCommand)
  }

  private static func address(_ value: NodeFileValue) -> (address: NetworkAddress, prefixLength: Int)? {
    guard let text = value.text("an address with prefix length, as in 10.0.0.10/24") else { return nil }
    guard let slash = text.firstIndex(of: "/") else {
      value.report("`\(text)` has no prefix length: write \(text)/24 or what the network has")
      return nil
    }
    guard let address = value.hostAddress(String(text[..<slash])) else { return nil }
    let digits = text[text.index(after: slash)...]
    guard let prefix = Int(digits), (1...address.bits).contains(prefix), digits.allSatisfy(\.isNumber) else {
      value.report("`\(digits)` is no prefix length: a whole number from 1 to \(address.bits)")
      return nil
    }
    let hostBits = address.hostBitsAreUniform(prefixLength: prefix)
    // With one host bit both addresses are hosts (RFC 3021), with none the address is all there is.
    if !address.isIPv6, prefix <= 30, hostBits.allZero || hostBits.allOne {
      value.report(
        "\(text) is the \(hostBits.allZero ? "network" : "broadcast address") itself, not a host in it")
      return nil
    }
    return (address, prefix)
  }

  /// `addresses:`; the defaults where it is missing.
  static func read(_ file: NodeFileSection) -> AddressConfiguration? {
    var addresses = AddressConfiguration()
    guard let value = file.optional("addresses") else { return addresses }
    guard let section = value.section(known: ["probe", "announce"]) else { return nil }
    if let probe = section.optional("probe") {
      if probe.isScalar {
        guard probe.word(["none"], "`none` or {count: 3, interval: 100ms}") != nil else { return nil }
        addresses.probing = .none
      } else {
        guard rounds(probe, count: &addresses.probing.count, interval: &addresses.probing.interval) else {
          return nil
        }
      }
    }
    if let announce = section.optional("announce") {
      guard rounds(announce, count: &addresses.announcing.count, interval: &addresses.announcing.interval)
      else { return nil }
    }
    return addresses
  }

  /// `{count: 3, interval: 100ms}`. False where it can't be read.
  private static func rounds(
    _ value: NodeFileValue, count: inout Int, interval: inout Duration
  ) -> Bool {
    guard let section = value.section(known: ["count", "interval"]),
      NodeFileTimings.read(section, "interval", .milliseconds(10)...(.seconds(1)), into: &interval)
    else { return false }
    guard let number = section.optional("count") else { return true }
    guard let read = number.integer(1...10) else { return false }
    count = read
    return true
  }
}
