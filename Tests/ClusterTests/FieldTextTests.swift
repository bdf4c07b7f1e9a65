import Testing

@testable import Cluster

@Suite("Values of the store as lines of text")
struct FieldTextTests {
  private func text(_ fields: [(String, String)]) -> FieldText {
    var text = FieldText()
    for (key, value) in fields { text.append(key, value) }
    return text
  }

  @Test func aValueReadsBackAndCanBeReadWithCat() throws {
    let written = text([("node", "a"), ("because", "disk: full, twice"), ("empty", "")])
    #expect(
      String(decoding: written.bytes, as: UTF8.self) == "node: a\nbecause: disk: full, twice\nempty: \n")
    let read = try #require(FieldText(written.bytes))
    #expect(read["node"] == "a")
    #expect(read["because"] == "disk: full, twice")
    #expect(read["empty"] == "")
    #expect(read["absent"] == nil)
    #expect(read.bytes == written.bytes)
  }

  @Test(
    "No line break of a value, of whatever kind, begins another field",
    arguments: ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\n\n", "\n\u{301}"])
  func lineBreaks(lineBreak: String) throws {
    let written = text([("because", "x\(lineBreak)epoch: 9"), ("epoch", "1")])
    let read = try #require(FieldText(written.bytes))
    #expect(read["epoch"] == "1")
    #expect(read.fields.count == 2)
    #expect(written.bytes.filter { $0 == UInt8(ascii: "\n") }.count == 2)
    #expect(read.bytes == written.bytes)
  }

  @Test("What a value begins with is the value's", arguments: ["\u{301}x", ":x", "é", "🚢 ", "\0"])
  func firstCharacter(value: String) {
    #expect(FieldText(text([("because", value)]).bytes)?["because"] == value)
  }

  @Test func theFirstOfTwoEqualKeysCounts() {
    #expect(FieldText(bytes("epoch: 1\nepoch: 2\n"))?["epoch"] == "1")
  }

  @Test(
    "Bytes that are no lines of key and value are refused",
    arguments: [
      bytes("no colon\n"), bytes("a: b\nno colon"), [0xff, 0xfe], bytes("a: ") + [0xc3, 0x28],
      bytes("a: ") + Array(repeating: UInt8(ascii: "x"), count: 16_384),
    ])
  func damaged(bytes: [UInt8]) {
    #expect(FieldText(bytes) == nil)
  }

  @Test func nothingAtAllHasNoFields() {
    #expect(FieldText([])?.fields.isEmpty == true)
  }
}
