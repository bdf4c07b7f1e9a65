import HexText
import ONCRPC
import Testing

/// RFC 1833.
@Suite struct PortMapTests {
  @Test("RFC 1833: GETPORT for status version 1 over UDP")
  func getPort() throws {
    #expect(
      PortMap.portArguments(program: 100_024, version: 1, transport: PortMap.udp)
        == bytes("000186b8 00000001 00000011 00000000"))
    #expect(try PortMap.port(results: bytes("0000bffd")) == 49_149)
    #expect(try PortMap.port(results: bytes("00000000")) == nil)
    #expect(throws: XDRError.unknownValue(65_536, type: "port")) {
      try PortMap.port(results: bytes("00010000"))
    }
  }

  @Test("RFC 1833: GETADDR for status version 1 over UDP and IPv6")
  func getAddress() throws {
    #expect(
      try PortMap.addressArguments(program: 100_024, version: 1, netID: "udp6")
        == bytes("000186b8 00000001 00000004 75647036 00000000 00000000"))
    #expect(try PortMap.port(addressResults: universal("::1.191.253")) == 49_149)
    #expect(try PortMap.port(addressResults: universal("127.0.0.1.0.111")) == 111)
    #expect(try PortMap.port(addressResults: universal("")) == nil)
    #expect(try PortMap.port(addressResults: universal("::.0.0")) == nil)
  }

  @Test("addresses without a port are refused", arguments: ["::1", "1", ".", "::1.256.1", "::1.-1.1", "a.b"])
  func unreadable(text: String) {
    #expect(throws: XDRError.self) { try PortMap.port(addressResults: universal(text)) }
  }

  private func universal(_ text: String) throws -> [UInt8] {
    var writer = XDRWriter()
    try writer.opaque(Array(text.utf8), atMost: 256)
    return writer.bytes
  }
}
