/// The packets that tell neighbours that an address has moved to this link, or ask them for it; built here, sent
/// elsewhere.
enum AddressAnnouncement {
  /// ARP's operations (RFC 826).
  enum Operation: UInt16 {
    case request = 1
    case reply = 2
  }

  /// An ARP packet about an IPv4 address. Gratuitous where sender and target are the same (RFC 5227, section 3); both a
  /// request and a reply are sent then, because some neighbours heed only one of them.
  ///
  /// - Parameters:
  ///   - hardwareType: of the link, 1 for Ethernet.
  ///   - hardware: the link's own address.
  ///   - sender: who says so; nil is `address`.
  ///   - address: 4 bytes.
  static func arp(
    _ operation: Operation, hardwareType: UInt16, hardware: [UInt8], sender: [UInt8]? = nil, address: [UInt8]
  ) -> [UInt8] {
    var packet = bigEndian(hardwareType)
    packet += bigEndian(0x0800)
    packet += [UInt8(truncatingIfNeeded: hardware.count), 4]
    packet += bigEndian(operation.rawValue)
    packet += hardware + (sender ?? address)
    // A request asks for an unknown address; an answer to oneself is addressed to oneself.
    packet += operation == .request ? [UInt8](repeating: 0, count: hardware.count) : hardware
    packet += address
    return packet
  }

  /// An unsolicited neighbour advertisement with the override flag (RFC 4861, sections 4.4 and 7.2.6), without its
  /// checksum, which the kernel fills in.
  ///
  /// - Parameters:
  ///   - hardware: the link's own address.
  ///   - address: 16 bytes.
  static func neighbourAdvertisement(hardware: [UInt8], address: [UInt8]) -> [UInt8] {
    var packet: [UInt8] = [136, 0, 0, 0]
    packet += [0x20, 0, 0, 0]
    packet += address
    // Target link-layer address, in units of 8 bytes, padded.
    let units = (2 + hardware.count + 7) / 8
    packet += [2, UInt8(truncatingIfNeeded: units)]
    packet += hardware
    packet += [UInt8](repeating: 0, count: units * 8 - 2 - hardware.count)
    return packet
  }

  private static func bigEndian(_ value: UInt16) -> [UInt8] {
    [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
  }
}
