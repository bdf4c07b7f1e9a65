import Glibc
import HexText
import StatusMonitor
import Testing

/// M3: one line of a client lock description file.
@Suite struct MonitorLineTests {
  static let cookie = "b0444d630800000000a7a3dffcef1aff"
  static let lockd = "0100007f 000186b5 00000003 00000010 \(cookie) 10.0.0.11 primary"

  private func parse(_ text: String) throws -> MonitorLine { try MonitorLine(parsing: Array(text.utf8)) }

  @Test("M3 a line of Linux's lockd, as a Debian 12 statd wrote it")
  func lockdLine() throws {
    let line = try parse(Self.lockd)
    #expect(line.address == 0x0100_007f)
    #expect(line.program == 100_021)
    #expect(line.version == 3)
    #expect(line.procedure == 16)
    #expect(line.cookie.count == 16)
    #expect(line.cookie.prefix(5) == [0xb0, 0x44, 0x4d, 0x63, 0x08])
    #expect(line.cookie.suffix(2) == [0x1a, 0xff])
    #expect(line.monName == "10.0.0.11")
    #expect(line.myName == "primary")
    #expect(line.writerByteOrder == .littleEndian)
    #expect(line.isCanonical)
    #expect(line.text == Array(Self.lockd.utf8))
  }

  @Test("M3 a line of NFS-Ganesha: version 4, a cookie of zeroes")
  func ganeshaLine() throws {
    let zeroes = String(repeating: "0", count: 32)
    let line = try parse("0100007f 000186b5 00000004 00000018 \(zeroes) client1.lab ganesha")
    #expect(line.version == 4)
    #expect(line.procedure == 24)
    #expect(line.cookie == [UInt8](repeating: 0, count: 16))
    #expect(line.isCanonical)
  }

  @Test("M3 the address of a machine with the other byte order is kept and recognised")
  func foreignByteOrder() throws {
    let line = try parse("7f000001 000186b5 00000003 00000010 \(Self.cookie) 10.0.0.11 mainframe")
    #expect(line.address == 0x7f00_0001)
    #expect(line.program == 100_021)
    #expect(line.writerByteOrder == .bigEndian)
    let other = try parse("0a00000b 000186b5 00000003 00000010 \(Self.cookie) 10.0.0.11 elsewhere")
    #expect(other.writerByteOrder == nil)
  }

  @Test(
    "M3 peers under a name, an IPv4 or an IPv6 literal; my_name may contain spaces",
    arguments: [
      ("client1.lab", "primary"), ("10.0.0.11", "nfs server one"), ("2001:db8::11", "a  b   c"),
      ("fe80::1%eth0", "trailing "), ("CLIENT", "x"), ("client", ""),
    ])
  func names(monName: String, myName: String) throws {
    let text = "0100007f 000186b5 00000003 00000010 \(Self.cookie) \(monName) \(myName)"
    let line = try parse(text)
    #expect(line.monName == monName)
    #expect(line.myName == myName)
    #expect(line.isCanonical)
    let rebuilt = try MonitorLine(
      address: line.address, program: line.program, version: line.version, procedure: line.procedure,
      cookie: line.cookie, monName: line.monNameBytes, myName: line.myNameBytes)
    #expect(rebuilt == line)
  }

  @Test("M3 what statd accepts beyond what it writes is accepted, and its bytes are kept")
  func lenient() throws {
    let noMyName = try parse("0100007f 000186b5 00000003 00000010 \(Self.cookie) 10.0.0.11")
    #expect(noMyName.monName == "10.0.0.11")
    #expect(noMyName.myName == "")
    #expect(!noMyName.isCanonical)

    let upperCase = try parse("0100007F 000186B5 00000003 00000010 \(Self.cookie.uppercased()) c m")
    #expect(upperCase.program == 100_021)
    #expect(upperCase.cookie.first == 0xb0)
    #expect(!upperCase.isCanonical)

    let carriageReturn = try parse(Self.lockd + "\r")
    #expect(carriageReturn.myName == #"primary\x0d"#)
    #expect(carriageReturn.myNameBytes == Array("primary\r".utf8))

    let severalSpaces = try parse("0100007f 000186b5 00000003 00000010 \(Self.cookie) c    m")
    #expect(severalSpaces.myName == "m")
    #expect(!severalSpaces.isCanonical)

    let afterNUL = try parse(Self.lockd + "\u{0}rest")
    #expect(afterNUL.myName == "primary")
    #expect(afterNUL.text == Array((Self.lockd + "\u{0}rest").utf8))
    #expect(!afterNUL.isCanonical)
  }

  @Test(
    "M3 lines that statd skips or misreads are refused with the reason",
    arguments: [
      ("", "empty"), (" ", "field 1"), ("hello", "field 1"), ("0100007f nonsense", "field 2"),
      ("0100007f 000186b5 00000003", "field 4"),
      ("0100007f 000186b5 00000003 00000010", "ends after 35 bytes"),
      ("0100007f 000186b5 00000003 00000010 b0444d63", "ends after 44 bytes"),
      ("0100007f 000186b5 00000003 00000010 \(cookie)", "ends after 68 bytes"),
      ("0100007f 000186b5 00000003 00000010 b0444d63zz00000000a7a3dffcef1aff c m", "byte 44"),
      ("0100007f 000186b5 00000003 00000010 b0444d63\u{0}00000000a7a3dffcef1aff c m", "ends after 44"),
      (lockd + String(repeating: "y", count: 1_009), "1095 bytes"),
    ])
  func refused(text: String, clue: String) throws {
    let error = #expect(throws: MonitorLineError.self) { _ = try parse(text) }
    #expect(error?.reason.contains(clue) == true, "\(String(describing: error))")
  }

  @Test("M3 the longest line that statd reads is accepted")
  func longest() throws {
    let line = try parse(Self.lockd + String(repeating: "y", count: 1_008))
    #expect(line.text.count == MonitorLine.maximumBytes)
  }

  @Test("M4 fields that statd would read back as others can't be written")
  func unwritable() {
    func write(_ monName: String, _ myName: String, cookie: Int = 16) throws {
      _ = try MonitorLine(
        address: 0, program: 1, version: 2, procedure: 3, cookie: [UInt8](repeating: 1, count: cookie),
        monName: Array(monName.utf8), myName: Array(myName.utf8))
    }
    #expect(throws: MonitorLineError.self) { try write("two words", "m") }
    #expect(throws: MonitorLineError.self) { try write("line\n", "m") }
    #expect(throws: MonitorLineError.self) { try write("nul\u{0}", "m") }
    #expect(throws: MonitorLineError.self) { try write("c", " m") }
    #expect(throws: MonitorLineError.self) { try write("c", "m\n") }
    #expect(throws: MonitorLineError.self) { try write("c", "m", cookie: 15) }
    #expect(throws: MonitorLineError.self) { try write(String(repeating: "c", count: 1_024), "m") }
    #expect(throws: Never.self) { try write("c", "m") }
  }

  /// The C library's own `sscanf` is the reference: statd's parser is a few calls of it.
  @Test("M3 for arbitrary lines the fields are those that the C library's sscanf gives statd")
  func sameAsSscanf() throws {
    var random = SplitMix(seed: 11)
    let alphabet = Array("0000123456789abcdefABCDEFxX+-  \t\r\u{0b}gz".utf8)
    let whole = Array(Self.lockd.utf8)
    var accepted = 0
    for round in 0..<20_000 {
      var line = whole
      switch round % 3 {
      case 0: line = random.bytes(Int.random(in: 0...110, using: &random), from: alphabet)
      case 1:
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let index = Int.random(in: 0..<line.count, using: &random)
          line[index] = random.bytes(1, from: alphabet + [0])[0]
        }
      default:
        let start = Int.random(in: 0..<69, using: &random)
        let junk = random.bytes(Int.random(in: 0...8, using: &random), from: alphabet)
        line.replaceSubrange(start..<min(line.count, start + junk.count), with: junk)
      }
      let reference = StatdLine(line)
      let parsed = try? MonitorLine(parsing: line)
      #expect((parsed == nil) == (reference == nil), "\(line)")
      guard let parsed, let reference else { continue }
      accepted += 1
      #expect(parsed.address == reference.numbers[0], "\(line)")
      #expect(parsed.program == reference.numbers[1], "\(line)")
      #expect(parsed.version == reference.numbers[2], "\(line)")
      #expect(parsed.procedure == reference.numbers[3], "\(line)")
      #expect(parsed.cookie == reference.cookie, "\(line)")
      #expect(parsed.monNameBytes == reference.monName, "\(line)")
      #expect(parsed.myNameBytes == reference.myName, "\(line)")
    }
    #expect(accepted > 2_000, "the generator must reach lines that statd accepts")
  }
}

/// What statd makes of a line, by its own steps with the C library's `sscanf`; nil where it skips the line or
/// where its result depends on what its buffer held before.
private struct StatdLine {
  var numbers: [UInt32] = [0, 0, 0, 0]
  var cookie: [UInt8] = []
  var monName: [UInt8] = []
  var myName: [UInt8] = []

  init?(_ line: [UInt8]) {
    let text = line.prefix { $0 != 0 && $0 != 0x0a }
    let string = text.map { CChar(bitPattern: $0) } + [0]
    let count = numbers.withUnsafeMutableBufferPointer { numbers -> Int32 in
      guard let base = numbers.baseAddress else { return 0 }
      return withVaList([base, base + 1, base + 2, base + 3]) { vsscanf(string, "%8x %8x %8x %8x ", $0) }
    }
    guard count == 4, text.count >= 69 else { return nil }
    for index in 0..<16 {
      var value: UInt32 = 0
      let rest = Array(string[(36 + 2 * index)...])
      let read = withUnsafeMutablePointer(to: &value) { pointer in
        withVaList([pointer]) { vsscanf(rest, "%2x", $0) }
      }
      guard read == 1 else { return nil }
      cookie.append(UInt8(truncatingIfNeeded: value))
    }
    var index = 69
    while index < text.count, text[index] != 0x20 {
      monName.append(text[index])
      index += 1
    }
    while index < text.count, text[index] == 0x20 { index += 1 }
    myName = Array(text[index...])
  }
}
