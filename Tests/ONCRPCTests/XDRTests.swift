import HexText
import ONCRPC
import Testing

/// RFC 4506.
@Suite struct XDRTests {
  @Test("RFC 4506: every type is written as its section shows")
  func written() throws {
    var writer = XDRWriter()
    writer.uint32(0xfedc_ba98)
    writer.int32(-2)
    writer.uint64(0x0102_0304_0506_0708)
    writer.bool(true)
    writer.bool(false)
    writer.opaque(fixed: [0xaa, 0xbb, 0xcc, 0xdd, 0xee])
    try writer.opaque(Array("sillyprog".utf8), atMost: 255)
    try writer.opaque([], atMost: 0)
    let expected = bytes(
      """
      fedcba98            # unsigned int
      fffffffe            # int
      01020304 05060708   # unsigned hyper
      00000001 00000000   # bool TRUE, FALSE
      aabbccdd ee000000   # opaque[5]
      00000009 73696c6c 7970726f 67000000   # string "sillyprog", as in RFC 4506 section 7
      00000000            # opaque<0>
      """)
    #expect(writer.bytes == expected)

    var reader = XDRReader(expected)
    #expect(try reader.uint32() == 0xfedc_ba98)
    #expect(try reader.int32() == -2)
    #expect(try reader.uint64() == 0x0102_0304_0506_0708)
    #expect(try reader.bool())
    #expect(try !reader.bool())
    #expect(try reader.opaque(count: 5) == [0xaa, 0xbb, 0xcc, 0xdd, 0xee])
    #expect(try reader.opaque(atMost: 255) == Array("sillyprog".utf8))
    #expect(try reader.opaque(atMost: 0) == [])
    try reader.finish()
  }

  @Test("a string that is longer than its type allows is neither written nor read")
  func limits() throws {
    var writer = XDRWriter()
    #expect(throws: XDRError.tooLong(length: 5, limit: 4)) {
      try writer.opaque([1, 2, 3, 4, 5], atMost: 4)
    }
    #expect(writer.bytes == [])
    var reader = XDRReader(bytes("00000005 01020304 05000000"))
    #expect(throws: XDRError.tooLong(length: 5, limit: 4)) { try reader.opaque(atMost: 4) }
  }

  @Test("a length beyond the data is refused before anything is allocated")
  func hostileLength() {
    var reader = XDRReader(bytes("ffffffff 00000000"))
    #expect(throws: XDRError.truncated(needed: 4_294_967_292, offset: 8)) {
      try reader.opaque(atMost: .max)
    }
  }

  @Test("data that ends early is refused, wherever it ends")
  func truncated() throws {
    var writer = XDRWriter()
    writer.uint64(7)
    try writer.opaque(Array("abcde".utf8), atMost: 10)
    for length in 0..<writer.bytes.count {
      var reader = XDRReader(Array(writer.bytes.prefix(length)))
      #expect(throws: XDRError.self, "\(length) of \(writer.bytes.count) bytes") {
        _ = try reader.uint64()
        _ = try reader.opaque(atMost: 10)
      }
    }
  }

  @Test("only 0 and 1 are bools, and nothing may follow the end")
  func strict() throws {
    var reader = XDRReader(bytes("00000002 00000000"))
    #expect(throws: XDRError.unknownValue(2, type: "bool")) { try reader.bool() }
    #expect(reader.remaining == [0, 0, 0, 0])
    #expect(throws: XDRError.trailing(count: 4)) { try reader.finish() }
  }

  @Test("errors say what is wrong")
  func descriptions() {
    #expect(XDRError.truncated(needed: 4, offset: 8).description.contains("4 bytes are missing at byte 8"))
    #expect(XDRError.tooLong(length: 5, limit: 4).description.contains("longer than the 4 allowed"))
    #expect(XDRError.unknownValue(9, type: "bool").description == "9 is no bool")
    #expect(XDRError.trailing(count: 4).description.contains("4 bytes follow"))
  }
}
