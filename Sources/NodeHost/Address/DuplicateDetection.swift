/// Which packets tell that another machine has an address or is about to take it, and which one asks: ARP by RFC 5227,
/// section 2.1, IPv6 neighbour discovery by RFC 4862, section 5.4.
struct DuplicateDetection: Sendable {
  /// What a packet says.
  enum Sign: Sendable, Equatable {
    /// The machine with this hardware address has the address.
    case used(by: [UInt8])
    /// The machine with this hardware address asks whether it may take it.
    case wanted(by: [UInt8])
  }

  let address: IPAddress
  let hardwareType: UInt16
  /// The link's own address: what comes from it says nothing.
  let hardware: [UInt8]

  /// The question, sent from no address, so that no neighbour's table learns anything by it. For IPv6 it begins with the
  /// IPv6 header.
  var question: [UInt8] {
    guard address.isIPv6 else {
      return AddressAnnouncement.arp(
        .request, hardwareType: hardwareType, hardware: hardware, sender: [0, 0, 0, 0],
        address: address.bytes)
    }
    // A neighbour solicitation without options (RFC 4861, section 4.3).
    var message: [UInt8] = [135, 0, 0, 0, 0, 0, 0, 0] + address.bytes
    let nowhere = [UInt8](repeating: 0, count: 16)
    let sum = Self.checksum(nowhere + group + [0, 0, 0, UInt8(message.count), 0, 0, 0, 58] + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(truncatingIfNeeded: sum)
    return [0x60, 0, 0, 0, 0, UInt8(message.count), 58, 255] + nowhere + group + message
  }

  /// The solicited-node multicast address (RFC 4291, section 2.7.1).
  var group: [UInt8] { [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff] + address.bytes.suffix(3) }

  /// What `packet`, from its network header on, says; nil where it says nothing of the address.
  ///
  /// - Parameter sender: from which hardware address it came.
  func sign(in packet: [UInt8], from sender: [UInt8]) -> Sign? {
    address.isIPv6 ? neighbourSign(in: packet, from: sender) : arpSign(in: packet)
  }

  private func arpSign(in packet: [UInt8]) -> Sign? {
    guard packet.count >= 8, packet[2] == 0x08, packet[3] == 0, packet[5] == 4, packet[6] == 0 else {
      return nil
    }
    let length = Int(packet[4])
    guard packet.count >= 8 + 2 * (length + 4) else { return nil }
    let sender = Array(packet[8..<8 + length])
    guard sender != hardware else { return nil }
    let source = packet[8 + length..<12 + length]
    let target = packet[12 + 2 * length..<16 + 2 * length]
    if source.elementsEqual(address.bytes) { return .used(by: sender) }
    // Of two that ask at the same time neither may take it.
    let isRequest = packet[7] == 1
    if isRequest, source.allSatisfy({ $0 == 0 }), target.elementsEqual(address.bytes) {
      return .wanted(by: sender)
    }
    return nil
  }

  private func neighbourSign(in packet: [UInt8], from sender: [UInt8]) -> Sign? {
    // A hop limit of 255 says that no router has forwarded it (RFC 4861, section 7.1).
    guard packet.count >= 64, packet[0] >> 4 == 6, packet[6] == 58, packet[7] == 255, packet[41] == 0,
      sender != hardware
    else { return nil }
    let source = packet[8..<24]
    let isTarget = packet[48..<64].elementsEqual(address.bytes)
    switch packet[40] {
    case 136 where isTarget:
      return .used(by: Self.linkAddress(in: packet[64...]) ?? sender)
    case 135 where source.elementsEqual(address.bytes):
      return .used(by: sender)
    case 135 where isTarget && source.allSatisfy({ $0 == 0 }):
      return .wanted(by: sender)
    default:
      return nil
    }
  }

  /// The target's link-layer address among the options (RFC 4861, section 4.6.1), on links whose addresses fill it.
  private static func linkAddress(in options: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = options
    while rest.count >= 8 {
      let length = Int(rest[rest.startIndex + 1]) * 8
      guard length > 0, rest.count >= length else { return nil }
      if rest[rest.startIndex] == 2, length == 8 { return Array(rest.dropFirst(2).prefix(6)) }
      rest = rest.dropFirst(length)
    }
    return nil
  }

  /// RFC 1071, of an even number of bytes.
  private static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count - 1, by: 2) {
      sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
    }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    return ~UInt16(sum)
  }
}

extension DuplicateDetection.Sign {
  /// As `ip link` writes hardware addresses.
  var hardware: String {
    switch self {
    case .used(let bytes), .wanted(let bytes):
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: ":")
    }
  }
}
