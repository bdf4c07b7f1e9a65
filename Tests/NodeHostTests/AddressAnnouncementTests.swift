import Testing

@testable import NodeHost

@Suite("Announcing an address: packets")
struct AddressAnnouncementTests {
  private let hardware: [UInt8] = [0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]

  @Test("Gratuitous ARP: sender and target are the address (RFC 826, RFC 5227)")
  func arp() {
    let request = AddressAnnouncement.arp(
      .request, hardwareType: 1, hardware: hardware, address: [192, 0, 2, 10])
    #expect(
      request == [
        0x00, 0x01,  // Ethernet
        0x08, 0x00,  // IPv4
        6, 4,  // lengths
        0x00, 0x01,  // request
        0x02, 0x00, 0x5e, 0x10, 0x00, 0x01, 192, 0, 2, 10,  // sender
        0, 0, 0, 0, 0, 0, 192, 0, 2, 10,  // target
      ])
    let reply = AddressAnnouncement.arp(
      .reply, hardwareType: 1, hardware: hardware, address: [192, 0, 2, 10])
    #expect(reply[6...7] == [0x00, 0x02])
    #expect(reply[18...23] == hardware[...])
    #expect(reply.count == 28)
  }

  @Test("Unsolicited neighbour advertisement with the override flag alone (RFC 4861, 4.4)")
  func neighbourAdvertisement() {
    let address: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]
    let packet = AddressAnnouncement.neighbourAdvertisement(hardware: hardware, address: address)
    #expect(
      packet == [136, 0, 0, 0]  // type, code, checksum (the kernel's)
        + [0x20, 0, 0, 0]  // override
        + address
        + [2, 1] + hardware)  // target link-layer address, 8 bytes
    // InfiniBand's 20 bytes are padded to a multiple of 8 (RFC 4391).
    let long = AddressAnnouncement.neighbourAdvertisement(
      hardware: [UInt8](repeating: 1, count: 20), address: address)
    #expect(long.count == 24 + 24)
    #expect(long[25] == 3)
  }

  @Test(
    "Addresses that no service can have are refused",
    arguments: [
      "", "10.0.0", "10.0.0.1/24", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1",
      "::ffff:10.0.0.1", "host", "fe80::1%eth0",
    ])
  func badAddresses(text: String) {
    let error = #expect(throws: NodeHostError.self) {
      try ServiceAddressLink(address: text, prefixLength: 24, interface: "eth0")
    }
    #expect(error?.code == .invalid)
  }

  @Test(
    "Interface names that the kernel or ip would misread are refused",
    arguments: ["", "-4", "a/b", "a b", "eth0:1", "sixteen-bytes-xx", ".", "..", "caf\u{e9}", "a\n"])
  func badInterfaces(name: String) {
    #expect(throws: NodeHostError.self) {
      try ServiceAddressLink(address: "10.0.0.1", prefixLength: 24, interface: name)
    }
  }

  @Test("Prefix lengths end where the address does", arguments: [("10.0.0.1", 32), ("2001:db8::1", 128)])
  func prefixLengths(address: String, longest: Int) throws {
    for length in [0, -1, longest + 1] {
      #expect(throws: NodeHostError.self) {
        try ServiceAddressLink(address: address, prefixLength: length, interface: "eth0")
      }
    }
    _ = try ServiceAddressLink(address: address, prefixLength: longest, interface: "eth0")
  }

  @Test("An address is told in canonical form")
  func canonical() throws {
    let link = try ServiceAddressLink(
      address: "2001:0DB8:0:0::0010", prefixLength: 64, interface: "eth0")
    #expect(link.address == "2001:db8::10")
  }
}
