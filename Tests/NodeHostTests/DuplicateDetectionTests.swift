import Testing

@testable import NodeHost

@Suite("Whether another machine has an address: packets (RFC 5227, RFC 4862)")
struct DuplicateDetectionTests {
  private let own: [UInt8] = [0x02, 0, 0, 0, 0, 0x01]
  private let other: [UInt8] = [0x02, 0, 0, 0, 0, 0x0b]
  private let four: [UInt8] = [192, 0, 2, 10]
  private let six: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56]
  private let nowhere = [UInt8](repeating: 0, count: 16)

  private func detection(_ address: [UInt8]) -> DuplicateDetection {
    DuplicateDetection(address: IPAddress(bytes: address), hardwareType: 1, hardware: own)
  }

  private func arp(
    _ operation: UInt8, _ hardware: [UInt8], from source: [UInt8], about target: [UInt8]
  ) -> [UInt8] {
    [0, 1, 8, 0, 6, 4, 0, operation] + hardware + source + [0, 0, 0, 0, 0, 0] + target
  }

  private func neighbour(
    _ type: UInt8, from source: [UInt8], about target: [UInt8], options: [UInt8] = [], hops: UInt8 = 255
  ) -> [UInt8] {
    [0x60, 0, 0, 0, 0, UInt8(24 + options.count), 58, hops] + source + nowhere + [type, 0, 0, 0, 0, 0, 0, 0]
      + target + options
  }

  @Test("An ARP probe comes from no address (RFC 5227, 1.1)")
  func arpQuestion() {
    #expect(detection(four).question == arp(1, own, from: [0, 0, 0, 0], about: four))
  }

  @Test("A neighbour solicitation comes from no address and has no option (RFC 4862, 5.4.2; RFC 4861, 4.3)")
  func solicitation() {
    let packet = detection(six).question
    #expect(packet.count == 64)
    #expect(packet[..<8] == [0x60, 0, 0, 0, 0, 24, 58, 255])
    #expect(Array(packet[8..<24]) == nowhere)
    #expect(Array(packet[24..<40]) == [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56])
    #expect(packet[40] == 135 && packet[41] == 0)
    #expect(Array(packet[48...]) == six)
    // RFC 1071: with the pseudo header all sums up to ones.
    let summed = Array(packet[8..<40]) + [0, 0, 0, 24, 0, 0, 0, 58] + packet[40...]
    var sum = 0
    for index in stride(from: 0, to: summed.count, by: 2) {
      sum += Int(summed[index]) << 8 | Int(summed[index + 1])
    }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    #expect(sum == 0xffff)
  }

  @Test("Who uses the address in ARP has it, whatever he asks; who probes for it wants it")
  func arpSigns() {
    let detection = detection(four)
    for operation: UInt8 in [1, 2] {
      #expect(
        detection.sign(in: arp(operation, other, from: four, about: [192, 0, 2, 1]), from: other)
          == .used(by: other))
    }
    #expect(
      detection.sign(in: arp(1, other, from: [0, 0, 0, 0], about: four), from: other) == .wanted(by: other))
    // A client that looks for the address, a reply from nowhere, another's probe, our own packets.
    for harmless in [
      arp(1, other, from: [192, 0, 2, 2], about: four), arp(2, other, from: [0, 0, 0, 0], about: four),
      arp(1, other, from: [0, 0, 0, 0], about: [192, 0, 2, 11]),
      arp(1, own, from: [0, 0, 0, 0], about: four),
      arp(2, own, from: four, about: four),
    ] {
      #expect(detection.sign(in: harmless, from: other) == nil)
    }
  }

  @Test("Who advertises the address or sends from it has it; who solicits from nowhere wants it")
  func neighbourSigns() {
    let detection = detection(six)
    let somebody: [UInt8] = [0xfe, 0x80] + [UInt8](repeating: 7, count: 14)
    let option: [UInt8] = [14, 1, 1, 2, 3, 4, 5, 6, 2, 1, 0x02, 0, 0, 0, 0, 0x0c]
    #expect(detection.sign(in: neighbour(136, from: six, about: six), from: other) == .used(by: other))
    #expect(
      detection.sign(in: neighbour(136, from: six, about: six, options: option), from: other)
        == .used(by: [0x02, 0, 0, 0, 0, 0x0c]))
    #expect(
      detection.sign(in: neighbour(135, from: six, about: somebody), from: other) == .used(by: other))
    #expect(detection.sign(in: neighbour(135, from: nowhere, about: six), from: other) == .wanted(by: other))
    for harmless in [
      neighbour(135, from: somebody, about: six), neighbour(136, from: somebody, about: somebody),
      // From beyond a router: forged.
      neighbour(136, from: six, about: six, hops: 254),
    ] {
      #expect(detection.sign(in: harmless, from: other) == nil)
    }
    #expect(detection.sign(in: neighbour(136, from: six, about: six), from: own) == nil)
  }

  @Test("Packets that are cut off or nonsense say nothing", arguments: 0..<64)
  func nonsense(length: Int) {
    let whole = [
      (four, arp(1, other, from: four, about: four)), (six, neighbour(136, from: six, about: six)),
    ]
    for (address, packet) in whole where length < packet.count {
      #expect(detection(address).sign(in: Array(packet.prefix(length)), from: other) == nil)
    }
    // An option without length, one that is longer than the packet, a hardware address that is.
    for options: [UInt8] in [[2, 0, 1, 2, 3, 4, 5, 6], [2, 200, 1, 2, 3, 4, 5, 6]] {
      #expect(
        detection(six).sign(in: neighbour(136, from: six, about: six, options: options), from: other)
          == .used(by: other))
    }
    var long = arp(1, other, from: four, about: four)
    long[4] = UInt8(length + 7)
    #expect(detection(four).sign(in: long, from: other) == nil)
  }

  @Test("A hardware address is told as ip tells it")
  func text() {
    #expect(DuplicateDetection.Sign.used(by: [0x02, 0, 0xab, 0, 0, 0x0c]).hardware == "02:00:ab:00:00:0c")
  }
}
