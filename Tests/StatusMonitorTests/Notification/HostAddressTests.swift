import HexText
import StatusMonitor
import Testing

@Suite struct HostAddressTests {
  @Test(
    "an address reads as its literal (RFC 5952)",
    arguments: [
      ("0a00000b", "10.0.0.11"),
      ("ffffffff", "255.255.255.255"),
      ("00000000 00000000 00000000 00000000", "::"),
      ("00000000 00000000 00000000 00000001", "::1"),
      ("20010db8 00000000 00000000 00000001", "2001:db8::1"),
      // The longest run is left out, the first of equal ones, and never a single group.
      ("20010db8 00000001 00010001 00010001", "2001:db8:0:1:1:1:1:1"),
      ("20010000 00000001 00000000 00000001", "2001:0:0:1::1"),
      ("20010db8 00000000 00010000 00000001", "2001:db8::1:0:0:1"),
      ("fe800000 00000000 00000000 00000000", "fe80::"),
      ("0000abcd 00010002 00030004 00050006", "0:abcd:1:2:3:4:5:6"),
    ])
  func text(hex: String, text: String) throws {
    let address = try #require(HostAddress(bytes: bytes(hex)))
    #expect(address.description == text)
    #expect(address.bytes == bytes(hex))
    #expect(address.isIPv6 == (bytes(hex).count == 16))
  }

  @Test("a link-local address keeps its interface")
  func scope() throws {
    let hex = bytes("fe800000 00000000 00000000 00000001")
    let scoped = try #require(HostAddress(bytes: hex, scope: 3))
    #expect(scoped.description == "fe80::1%3")
    #expect(scoped != HostAddress(bytes: hex))
  }

  @Test("other numbers of bytes are no address")
  func lengths() {
    for count in [0, 3, 5, 15, 17] {
      #expect(HostAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }
  }

  @Test("an IPv4 address in IPv6 clothes is the IPv4 address")
  func mapped() throws {
    let mapped = try #require(HostAddress(bytes: bytes("00000000 00000000 0000ffff 0a00000b"), scope: 2))
    #expect(mapped == HostAddress(bytes: [10, 0, 0, 11]))
    #expect(mapped.description == "10.0.0.11")
    #expect(!mapped.isIPv6)
  }

  @Test("an IPv4 address is none of the IPv6 addresses with the same end")
  func families() throws {
    let short = try #require(HostAddress(bytes: [0, 0, 0, 1]))
    let long = try #require(HostAddress(bytes: bytes("00000000 00000000 00000000 00000001")))
    #expect(short != long)
  }
}
