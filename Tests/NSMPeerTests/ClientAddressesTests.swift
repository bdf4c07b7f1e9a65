import Testing

@testable import nsm_peer

@Suite("The addresses of the crowd's clients") struct ClientAddressesTests {
  @Test("Clients follow each other across the bytes of an IPv4 address", arguments: [0, 1, 254, 255, 99_999])
  func ipv4(client: Int) throws {
    let addresses = try ClientAddresses(first: "127.1.0.1", count: 100_000)
    let value = 0x7f01_0001 + client
    #expect(!addresses.isIPv6)
    #expect(
      addresses.text(of: client)
        == [24, 16, 8, 0].map { "\(value >> $0 & 0xff)" }.joined(separator: "."))
    #expect(addresses.bytes(of: client).withUnsafeBytes { addresses.client(at: $0) } == client)
  }

  @Test("Clients follow each other in the last part of an IPv6 address")
  func ipv6() throws {
    let addresses = try ClientAddresses(first: "fd00:1::ffff", count: 70_000)
    #expect(addresses.isIPv6)
    #expect(addresses.text(of: 0) == "fd00:1::ffff")
    #expect(addresses.text(of: 1) == "fd00:1::1:0")
    #expect(addresses.text(of: 69_999) == "fd00:1::2:116e")
    for client in [0, 1, 69_999] {
      #expect(addresses.bytes(of: client).withUnsafeBytes { addresses.client(at: $0) } == client)
    }
  }

  @Test("Other addresses are nobody's")
  func strangers() throws {
    let clients = try ClientAddresses(first: "127.1.0.1", count: 10)
    for bytes: [UInt8] in [[127, 1, 0, 0], [127, 1, 0, 11], [10, 1, 0, 5]] {
      #expect(bytes.withUnsafeBytes { clients.client(at: $0) } == nil)
    }
    let ipv6 = try ClientAddresses(first: "fd00:1::1", count: 10)
    let other = try ClientAddresses(first: "fd00:2::1", count: 10)
    #expect(other.bytes(of: 3).withUnsafeBytes { ipv6.client(at: $0) } == nil)
  }

  @Test(
    "Addresses that are not loopback's or private are refused",
    arguments: [
      ("10.0.0.1", 1), ("127.0.0.0", 1), ("127.255.255.250", 6), ("2001:db8::1", 1), ("client.example", 1),
      ("fd00::ffff:fff0", 100),
    ])
  func refused(first: String, count: Int) {
    #expect(throws: NSMPeerError.self) { try ClientAddresses(first: first, count: count) }
  }

  @Test("The word for the kernel's filter is the address's end in network order")
  func lastWord() throws {
    let word = try ClientAddresses(first: "127.1.0.1", count: 300).lastWord(of: 255)
    #expect(withUnsafeBytes(of: word) { Array($0) } == [127, 1, 1, 0])
  }
}
