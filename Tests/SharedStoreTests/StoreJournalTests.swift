import Testing

@testable import SharedStore

@Suite("The store's journal")
struct StoreJournalTests {
  private func journal() throws -> StoreJournal {
    StoreJournal(entries: [
      .set(try StoreKey(at: "services/home/sm/10.0.0.11"), from: ".new-a-1"),
      .delete(try StoreKey(at: "nodes/a/beat")),
    ])
  }

  @Test("reads back what it wrote, and is plain text")
  func roundTrip() throws {
    let bytes = try journal().bytes
    #expect(StoreJournal(bytes) == (try journal()))
    #expect(
      String(decoding: bytes, as: UTF8.self).hasPrefix(
        "lockferry journal 1\nset .new-a-1 services/home/sm/10.0.0.11\ndelete nodes/a/beat\nend 2 "))
  }

  @Test("is refused when any byte is missing or changed")
  func everyByteCounts() throws {
    let whole = try journal().bytes
    for count in 0..<whole.count { #expect(StoreJournal(Array(whole.prefix(count))) == nil) }
    for place in whole.indices {
      for change: UInt8 in [0x01, 0x20, 0x80] {
        var changed = whole
        changed[place] ^= change
        // The checksum's own letters may change their case without changing its value.
        if let read = StoreJournal(changed) { #expect(read == (try journal())) }
      }
    }
  }

  @Test("is refused when it names what no store writes, even with a right checksum")
  func hostile() throws {
    for line in [
      "set .new-1 ../etc/passwd", "set ../x services/a", "set passwd a", "set .new-1/../../x a",
      "delete /etc",
      "delete a//b", "delete .lock", "copy .new-1 a", "set .new-1", "delete", "", "set .new-1 a b",
    ] {
      let text = "lockferry journal 1\n\(line)\n"
      let sum = String(StoreJournal.checksum(of: text.utf8), radix: 16)
      #expect(StoreJournal(bytes(text + "end 1 \(sum)\n")) == nil, "\(line)")
    }
  }

  @Test("the checksum is FNV-1a with 64 bits")
  func checksum() {
    // Test vectors of the algorithm's authors.
    #expect(StoreJournal.checksum(of: []) == 0xcbf2_9ce4_8422_2325)
    #expect(StoreJournal.checksum(of: "a".utf8) == 0xaf63_dc4c_8601_ec8c)
    #expect(StoreJournal.checksum(of: "foobar".utf8) == 0x8594_4171_f739_67e8)
  }
}
