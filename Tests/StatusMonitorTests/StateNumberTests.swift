import StatusMonitor
import Testing

/// M6: the number that clients are told is newer than any they have seen.
@Suite struct StateNumberTests {
  private func number(_ value: Int32) throws -> StateNumber { try #require(StateNumber(value)) }

  @Test("M6 statd's state file is 4 bytes in the machine's own order")
  func fileBytes() throws {
    var value: Int32 = 0x0102_0305
    let native = withUnsafeBytes(of: &value) { Array($0) }
    #expect(StateNumber(fileBytes: native)?.value == value)
    #expect(try number(value).fileBytes == native)
    #if _endian(little)
      #expect(StateNumber(fileBytes: [0x03, 0, 0, 0])?.value == 3)
    #endif
  }

  @Test(
    "M6 an empty, short or long state file, and numbers that aren't positive, are no state",
    arguments: [
      [], [3], [3, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0x80, 0, 0, 0x80],
    ] as [[UInt8]])
  func noState(bytes: [UInt8]) {
    #expect(StateNumber(fileBytes: bytes) == nil)
  }

  @Test("M6 zero and negative values are no state numbers", arguments: [0, -1, .min] as [Int32])
  func notPositive(value: Int32) {
    #expect(StateNumber(value) == nil)
  }

  @Test(
    "M6 the next number is the smallest odd one above everything seen",
    arguments: [
      ([], 1), ([1], 3), ([3], 5), ([2], 3), ([4, 3], 5), ([7, 100, 9], 101), ([101, 101], 103),
      ([.max - 2], .max), ([.max - 1], .max), ([1_000_000_000], 1_000_000_001),
    ] as [([Int32], Int32)])
  func next(seen: [Int32], expected: Int32) throws {
    #expect(StateNumber.next(above: try seen.map(number))?.value == expected)
  }

  @Test("M6 at the end of the space there is no next number rather than an old or negative one")
  func spaceUsedUp() throws {
    #expect(StateNumber.next(above: [try number(.max)]) == nil)
    #expect(StateNumber.next(above: [try number(1), try number(.max)]) == nil)
  }

  @Test("M6 for any numbers seen, the next is odd, greater than each, and there is none between")
  func nextHolds() throws {
    var random = SplitMix(seed: 6)
    for _ in 0..<5_000 {
      let ceiling: Int32 = Bool.random(using: &random) ? 40 : .max
      let count = Int.random(in: 1...5, using: &random)
      let seen = try (0..<count).map { _ in try number(Int32.random(in: 1...ceiling, using: &random)) }
      guard let next = StateNumber.next(above: seen) else {
        #expect(seen.contains { $0.value == .max })
        continue
      }
      #expect(next.value % 2 == 1)
      #expect(seen.allSatisfy { $0 < next })
      #expect(seen.contains { $0.value >= next.value - 2 }, "smaller odd number free for \(seen)")
    }
  }
}
