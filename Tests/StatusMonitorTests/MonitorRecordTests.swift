import HexText
import StatusMonitor
import Testing

/// M3, M5: a whole client lock description file.
@Suite struct MonitorRecordTests {
  static let cookie = "b0444d630800000000a7a3dffcef1aff"
  static let one = "0100007f 000186b5 00000003 00000010 \(cookie) 10.0.0.11 primary\n"
  static let two = "0100007f 000186b5 00000004 00000010 \(cookie) 10.0.0.11 nfs server two\n"

  private func record(_ text: String) -> MonitorRecord { MonitorRecord(parsing: Array(text.utf8)) }

  @Test("M3 one line")
  func oneLine() {
    let record = record(Self.one)
    #expect(record.bytes == Array(Self.one.utf8))
    #expect(record.monitorLines.map(\.myName) == ["primary"])
    #expect(record.problems == [])
  }

  @Test("M3 several lines keep their order")
  func severalLines() {
    let record = record(Self.two + Self.one)
    #expect(record.monitorLines.map(\.myName) == ["nfs server two", "primary"])
    #expect(record.monitorLines.map(\.version) == [4, 3])
    #expect(record.bytes == Array((Self.two + Self.one).utf8))
    #expect(record.problems == [])
    #expect(MonitorRecord(record.monitorLines) == record)
  }

  @Test("M3 a file without a final newline is read, kept as it is, and reported")
  func noFinalNewline() {
    let cut = record(String(Self.one.dropLast()))
    #expect(cut.monitorLines.map(\.monName) == ["10.0.0.11"])
    #expect(cut.bytes == Array(Self.one.utf8.dropLast()))
    #expect(cut.problems.count == 1)
    #expect(cut.problems[0].contains("no newline"))
  }

  @Test("M3 an empty file has no lines and is reported")
  func emptyFile() {
    #expect(record("").lines == [])
    #expect(record("").problems == ["empty file: it names no peer"])
  }

  @Test("M3 a half-written file is kept and reported")
  func halfWritten() {
    let half = record(String(Self.one.prefix(50)))
    #expect(half.bytes == Array(Self.one.utf8.prefix(50)))
    #expect(half.monitorLines == [])
    #expect(half.problems.count == 3)
    #expect(half.problems[0].hasPrefix("line 1: the line ends after 50 bytes"))
    #expect(half.problems.last == "no line can be read")
  }

  @Test("M3 lines that can't be read are kept between the others and reported with their numbers")
  func unreadableLines() {
    let record = record(Self.one + "garbage \u{1b}[31m\n" + "\n" + Self.two)
    #expect(record.lines.count == 4)
    #expect(record.monitorLines.count == 2)
    #expect(record.problems.count == 2)
    #expect(record.problems[0].hasPrefix("line 2: the address (field 1) isn't a hexadecimal number"))
    #expect(record.problems[0].hasSuffix(#""garbage \x1b[31m""#))
    #expect(record.problems[1].hasPrefix("line 3: the line is empty"))
    guard case .unreadable(let bytes, reason: _) = record.lines[1] else {
      Issue.record("line 2 was taken for a record: \(record.lines[1])")
      return
    }
    #expect(bytes == Array("garbage \u{1b}[31m".utf8))
  }

  @Test("M3 carriage returns and NUL bytes are kept")
  func carriageReturnsAndNULs() {
    let text = Self.one.dropLast() + "\r\n" + Self.two.dropLast() + "\u{0}\u{0}\n" + "\u{0}\n"
    let record = record(String(text))
    #expect(record.bytes == Array(text.utf8))
    #expect(record.monitorLines.map(\.myName) == [#"primary\x0d"#, "nfs server two"])
    #expect(record.problems.count == 1)
  }

  @Test("M3 an oversized file is kept and reported")
  func oversized() {
    let text = String(repeating: Self.one, count: MonitorRecord.maximumBytes / Self.one.utf8.count + 1)
    let record = record(text)
    #expect(record.bytes.count > MonitorRecord.maximumBytes)
    #expect(record.problems.count == 1)
    #expect(record.problems[0].contains("more than the 65536 allowed"))
  }

  @Test("M3 a line too long for statd is kept and reported, briefly")
  func overlongLine() {
    let record = record("0100007f" + String(repeating: " ", count: 40_000) + "\n" + Self.one)
    #expect(record.monitorLines.count == 1)
    #expect(record.problems.count == 1)
    #expect(record.problems[0].contains("statd reads at most 1094"))
    #expect(record.problems[0].utf8.count < 300)
  }

  @Test("M5 merging keeps the server's own lines first and adds what it lacks, none twice")
  func merged() {
    let other = "0100007f 000186b5 00000003 00000010 \(Self.cookie) 10.0.0.11 adoptive\n"
    let own = record(other + Self.one)
    let adopted = record(Self.one + Self.two)
    #expect(own.merged(with: adopted).bytes == Array((other + Self.one + Self.two).utf8))
    #expect(adopted.merged(with: own).bytes == Array((Self.one + Self.two + other).utf8))
    #expect(own.merged(with: own) == own)
    #expect(record("").merged(with: own) == own)
    #expect(own.merged(with: record("")) == own)
  }

  @Test("M5 merging ends each line with a newline and drops only empty lines")
  func mergedRepairs() {
    let cut = record("garbage\n\n" + Self.one.dropLast())
    let merged = cut.merged(with: record(Self.two.dropLast() + "\nmore garbage"))
    #expect(merged.bytes == Array(("garbage\n" + Self.one + Self.two + "more garbage\n").utf8))
    #expect(cut.merged(with: record(Self.one)).bytes == Array(("garbage\n" + Self.one).utf8))
    #expect(record("\n").merged(with: record("")).bytes == [])
  }

  @Test("M3 arbitrary bytes survive reading; merging loses no line and is stable")
  func anyBytes() {
    var random = SplitMix(seed: 3)
    let alphabets: [[UInt8]] = [
      Array(0...255), Array("0123456789abcdef \n".utf8), [0, 0x0a, 0x0d, 0x20], Array("ab\n".utf8),
    ]
    for round in 0..<4_000 {
      var files: [[UInt8]] = []
      for _ in 0..<2 {
        var file: [UInt8] = []
        for _ in 0..<Int.random(in: 0...4, using: &random) {
          switch Int.random(in: 0...2, using: &random) {
          case 0: file += Array(Self.one.utf8)
          case 1: file += Array(Self.two.utf8.prefix(Int.random(in: 0...100, using: &random)))
          default:
            file += random.bytes(Int.random(in: 0...120, using: &random), from: alphabets[round % 4])
          }
        }
        files.append(file)
      }
      let first = MonitorRecord(parsing: files[0])
      let second = MonitorRecord(parsing: files[1])
      #expect(first.bytes == files[0])
      // The lines hold every byte except the newlines between them.
      let joined = Array(first.lines.map(\.text).joined(separator: [0x0a]))
      let finalNewline: [UInt8] = files[0].last == 0x0a ? [0x0a] : []
      #expect(joined + finalNewline == files[0], "\(files[0])")
      #expect(first.lines.count == first.monitorLines.count + unreadable(first))

      let merged = first.merged(with: second)
      let wanted = Set((first.lines + second.lines).map(\.text)).subtracting([[]])
      #expect(Set(merged.lines.map(\.text)) == wanted)
      #expect(merged.lines.count == wanted.count)
      #expect(merged.merged(with: second) == merged)
      #expect(merged.bytes.isEmpty || merged.bytes.last == 0x0a)
      #expect(first.problems.isEmpty == (unreadable(first) == 0 && files[0].last == 0x0a))
    }
  }

  private func unreadable(_ record: MonitorRecord) -> Int {
    record.lines.count {
      if case .unreadable = $0 { true } else { false }
    }
  }

  /// The quick search says what reading the lines says.
  @Test func aNameIsFoundWhereALineHasIt() {
    let line = { (name: String) in
      Array("0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) \(name) nfs\n".utf8)
    }
    let record = line("10.0.0.1") + Array("broken\n".utf8) + line("client.example.com")
    for (name, isThere) in [
      ("10.0.0.1", true), ("client.example.com", true), ("10.0.0", false), ("10.0.0.11", false),
      ("nfs", false), ("broken", false), ("client.example.com nfs", false),
    ] {
      #expect(MonitorRecord.names(Array(name.utf8), in: record) == isThere, "\(name)")
    }
    let cut = Array(line("10.0.0.1").dropLast(5))
    #expect(MonitorRecord.names(Array("10.0.0.1".utf8), in: cut))
    for count in 0..<cut.count - 1 {
      #expect(!MonitorRecord.names(Array("10.0.0.1".utf8), in: Array(cut.prefix(count))))
    }
  }
}
