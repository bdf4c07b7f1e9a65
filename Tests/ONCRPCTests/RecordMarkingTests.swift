import HexText
import ONCRPC
import Testing

/// RFC 5531, section 11.
@Suite struct RecordMarkingTests {
  @Test("RFC 5531: a record of one fragment, and of several")
  func record() {
    #expect(RecordMarking.record(of: [1, 2, 3, 4]) == bytes("80000004 01020304"))
    #expect(RecordMarking.record(of: []) == bytes("80000000"))
    #expect(
      RecordMarking.record(of: [1, 2, 3, 4, 5], fragmentBytes: 2)
        == bytes(
          """
          00000002 0102   # more to come
          00000002 0304
          80000001 05     # the last
          """))
  }

  @Test("messages arrive whole however the stream is cut", arguments: 1...23)
  func anyCut(size: Int) throws {
    let messages: [[UInt8]] = [[1, 2, 3, 4], [], Array(0...40), [9]]
    let stream =
      RecordMarking.record(of: messages[0]) + RecordMarking.record(of: messages[1])
      + RecordMarking.record(of: messages[2], fragmentBytes: 7) + RecordMarking.record(of: messages[3])
    var assembler = RecordAssembler(limit: 41)
    var received: [[UInt8]] = []
    for start in stride(from: 0, to: stream.count, by: size) {
      received += try assembler.receive(stream[start..<min(start + size, stream.count)])
    }
    #expect(received == messages)
    #expect(!assembler.isInMidst)
  }

  @Test("a message longer than the limit is refused from its mark on, in one fragment or in many")
  func limit() throws {
    var one = RecordAssembler(limit: 8)
    #expect(throws: XDRError.tooLong(length: 9, limit: 8)) { try one.receive(bytes("80000009")) }
    var many = RecordAssembler(limit: 8)
    #expect(try many.receive(bytes("00000008 0102030405060708")) == [])
    #expect(many.isInMidst)
    #expect(throws: XDRError.tooLong(length: 9, limit: 8)) { try many.receive(bytes("80000001")) }
  }
}
