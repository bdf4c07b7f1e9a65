import StatusMonitor
import Testing

@Suite struct HostAddressLiteralTests {
  @Test(
    "an address literal is the same address however it is written",
    arguments: [
      ("10.0.0.11", "::ffff:10.0.0.11"), ("10.0.0.11", "::FFFF:0a00:000b"),
      ("2001:db8::11", "2001:0DB8:0:0:0:0:0:11"), ("::", "0:0:0:0:0:0:0:0"), ("1::", "1:0:0:0:0:0:0:0"),
      ("::1", "0:0:0:0:0:0:0.0.0.1"), ("1:2:3::6:7:8", "1:2:3:0:0:6:7:8"),
    ])
  func literals(left: String, right: String) throws {
    #expect(try #require(HostAddress(literal: left.utf8)) == #require(HostAddress(literal: right.utf8)))
  }

  @Test(
    "what is no address literal is a name",
    arguments: [
      "", "host", "10.0.0", "10.0.0.256", "10.0.0.011", "10.0.0.1.2", "1.2.3.4 ", "+1.2.3.4", ":", ":::",
      "1:",
      ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::+1", "::10.0.0.1:1",
      "fe80::1%eth0",
      "1:2:3:4:5:6:7:8::", "g::1",
    ])
  func names(text: String) { #expect(HostAddress(literal: text.utf8) == nil) }

  @Test("127.0.0.1 and ::1 are this host, and nothing else is")
  func loopback() throws {
    for (text, isLoopback) in [
      ("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("127.0.0.2", false),
      ("10.0.0.1", false),
      ("::2", false),
    ] {
      #expect(try #require(HostAddress(literal: text.utf8)).isLoopback == isLoopback)
    }
  }

  @Test("bytes and text agree")
  func bytes() throws {
    let address = try #require(HostAddress(bytes: [10, 0, 0, 11]))
    #expect(address.description == "10.0.0.11")
    #expect(HostAddress(literal: address.description.utf8) == address)
    let long = try #require(
      HostAddress(bytes: [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [0x11]))
    #expect(long == HostAddress(literal: "2001:db8::11".utf8))
    #expect(HostAddress(literal: long.description.utf8) == long)
    #expect(HostAddress(bytes: [1, 2, 3]) == nil)
  }
}
