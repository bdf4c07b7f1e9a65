/// The end of what a program wrote, and its lines as they become complete.
struct OutputTail: Sendable {
  /// How much is kept.
  static let capacity = 16_384
  private static let longestLine = 4096

  private var bytes: [UInt8] = []
  private var line: [UInt8] = []
  private var lineIsCut = false

  /// Takes what was read; returns the lines that it completed.
  mutating func append(_ chunk: some Collection<UInt8>, wantsLines: Bool) -> [String] {
    bytes.append(contentsOf: chunk)
    // Cut rarely, so that a talkative program doesn't cost a copy of the tail for every read.
    if bytes.count > 4 * Self.capacity { bytes.removeFirst(bytes.count - Self.capacity) }
    guard wantsLines else { return [] }
    var lines: [String] = []
    for byte in chunk {
      if byte == UInt8(ascii: "\n") {
        if let last = takeLine() { lines.append(last) }
      } else if line.count < Self.longestLine {
        line.append(byte)
      } else {
        lineIsCut = true
      }
    }
    return lines
  }

  /// The line that has no line feed yet; nil where there is none.
  mutating func takeRest() -> String? {
    line.isEmpty ? nil : takeLine()
  }

  /// The last 16 KiB, as text.
  var text: String {
    var tail = bytes.suffix(Self.capacity)
    if tail.count < bytes.count {
      // Don't begin in the middle of a character.
      tail = tail.drop { $0 & 0xc0 == 0x80 }
    }
    return String(decoding: tail, as: UTF8.self)
  }

  private mutating func takeLine() -> String? {
    defer {
      line.removeAll(keepingCapacity: true)
      lineIsCut = false
    }
    return String(decoding: line, as: UTF8.self) + (lineIsCut ? "…" : "")
  }
}
