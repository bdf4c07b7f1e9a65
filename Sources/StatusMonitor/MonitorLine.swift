/// One line of a monitor record: whom statd calls back, and with what, when a peer says that it restarted.
///
/// `ADDR PROG VERS PROC COOKIE mon_name my_name`, the first four as 8 hexadecimal digits, the cookie as 32
/// (`nsm_create_monitor_record` in nfs-utils, support/nsm/file.c). A line that was read keeps the bytes it was
/// read from.
public struct MonitorLine: Sendable, Equatable {
  /// The callback's IPv4 address as the number that the line shows.
  ///
  /// statd prints the bytes in network order as one number of its machine, so the same address looks different
  /// from machines of the other byte order. See ``writerByteOrder``.
  public let address: UInt32
  /// The RPC program to call back: 100021, the lock manager.
  public let program: UInt32
  /// Its version: 3 from Linux's lockd, 4 from NFS-Ganesha.
  public let version: UInt32
  /// Its procedure: 16, `NLMPROC_NSM_NOTIFY`, from Linux's lockd.
  public let procedure: UInt32
  /// 16 bytes that mean something to the lock manager of the host that wrote the record, and to nobody else.
  /// All zero from NFS-Ganesha.
  public let cookie: [UInt8]
  /// `mon_name`: the peer as the lock manager knows it, an address or a host name. No space, NUL or newline.
  public let monNameBytes: [UInt8]
  /// `my_name`: the host that asked for the monitoring. May contain spaces; empty where the line ends early.
  public let myNameBytes: [UInt8]
  /// The line without its newline, byte for byte.
  public let text: [UInt8]

  /// The longest line, without its newline, that statd reads as one: its buffer holds 1096 bytes with the
  /// newline and a NUL (`nsm_load_host`).
  public static let maximumBytes = 1_094

  static let cookieOffset = 36
  static let monNameOffset = cookieOffset + 2 * 16 + 1

  /// `mon_name` in printable form: bytes outside printable ASCII as `\xNN`, a backslash doubled.
  public var monName: String { printableText(monNameBytes) }

  /// `my_name` in printable form, as ``monName``.
  public var myName: String { printableText(myNameBytes) }

  /// The byte order of the machine whose statd wrote the line, told from the address, which statd always makes
  /// 127.0.0.1. Nil where it is another address.
  public var writerByteOrder: ByteOrder? {
    switch address {
    case 0x0100_007f: .littleEndian
    case 0x7f00_0001: .bigEndian
    default: nil
    }
  }

  /// Which byte of a number comes first in memory.
  public enum ByteOrder: Sendable, Equatable {
    /// The least significant one: x86, ARM.
    case littleEndian
    /// The most significant one: IBM Z, older POWER.
    case bigEndian
  }

  /// Whether the bytes are those that statd itself writes for these fields.
  public var isCanonical: Bool {
    text == MonitorLine.canonicalText(address, program, version, procedure, cookie, monNameBytes, myNameBytes)
  }

  /// Reads one line, without its newline, and takes what statd takes.
  ///
  /// - Throws: ``MonitorLineError`` where statd would skip the line, would read past its end, or would see it as
  ///   two because it is too long.
  public init(parsing line: [UInt8]) throws(MonitorLineError) {
    guard !line.isEmpty else { throw MonitorLineError(reason: "the line is empty") }
    guard line.count <= MonitorLine.maximumBytes else {
      throw MonitorLineError(
        reason: "the line has \(line.count) bytes, and statd reads at most \(MonitorLine.maximumBytes) as one"
      )
    }
    // statd handles the line as a C string: what follows a NUL isn't there.
    let text = line.prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }
    var numbers = MonitorLineScanner(text)
    func number(_ name: String) throws(MonitorLineError) -> UInt32 {
      guard let value = numbers.hexadecimalNumber(width: 8) else {
        throw MonitorLineError(reason: "\(name) isn't a hexadecimal number")
      }
      return value
    }
    address = try number("the address (field 1)")
    program = try number("the program (field 2)")
    version = try number("the version (field 3)")
    procedure = try number("the procedure (field 4)")

    // From here on statd counts bytes, whatever the fields before took. It doesn't look for the line's end, and
    // finds what its buffer held before; such a line means something else each time it is read.
    guard text.count >= MonitorLine.monNameOffset else {
      throw MonitorLineError(reason: "the line ends after \(text.count) bytes, before the name of the peer")
    }
    var cookie: [UInt8] = []
    cookie.reserveCapacity(16)
    for offset in stride(from: MonitorLine.cookieOffset, to: MonitorLine.monNameOffset - 1, by: 2) {
      var pair = MonitorLineScanner(text, at: offset)
      guard let value = pair.hexadecimalNumber(width: 2) else {
        throw MonitorLineError(reason: "the cookie isn't hexadecimal at byte \(offset)")
      }
      cookie.append(UInt8(truncatingIfNeeded: value))
    }
    self.cookie = cookie

    let names = text.dropFirst(MonitorLine.monNameOffset)
    let monName = names.prefix { $0 != UInt8(ascii: " ") }
    monNameBytes = Array(monName)
    myNameBytes = Array(names.dropFirst(monName.count).drop { $0 == UInt8(ascii: " ") })
    self.text = line
  }

  /// A line as statd writes it.
  ///
  /// - Throws: ``MonitorLineError`` where the fields can't be written so that statd reads the same fields again.
  public init(
    address: UInt32, program: UInt32, version: UInt32, procedure: UInt32, cookie: [UInt8],
    monName: [UInt8], myName: [UInt8]
  ) throws(MonitorLineError) {
    guard cookie.count == 16 else {
      throw MonitorLineError(reason: "a cookie has 16 bytes, not \(cookie.count)")
    }
    guard !monName.contains(where: { $0 == 0 || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") }) else {
      throw MonitorLineError(reason: "mon_name can't contain a space, a newline or a NUL")
    }
    guard myName.first != UInt8(ascii: " "), !myName.contains(where: { $0 == 0 || $0 == UInt8(ascii: "\n") })
    else {
      throw MonitorLineError(reason: "my_name can't begin with a space or contain a newline or a NUL")
    }
    let text = MonitorLine.canonicalText(address, program, version, procedure, cookie, monName, myName)
    guard text.count <= MonitorLine.maximumBytes else {
      throw MonitorLineError(
        reason: "the line would have \(text.count) bytes, and statd reads at most \(MonitorLine.maximumBytes)"
      )
    }
    self.address = address
    self.program = program
    self.version = version
    self.procedure = procedure
    self.cookie = cookie
    self.monNameBytes = monName
    self.myNameBytes = myName
    self.text = text
  }

  private static func canonicalText(
    _ address: UInt32, _ program: UInt32, _ version: UInt32, _ procedure: UInt32, _ cookie: [UInt8],
    _ monName: [UInt8], _ myName: [UInt8]
  ) -> [UInt8] {
    let numbers = [address, program, version, procedure].map { hexadecimal($0) + " " }.joined()
    return Array((numbers + cookie.map { hexadecimal($0) }.joined() + " ").utf8)
      + monName + [UInt8(ascii: " ")] + myName
  }
}

/// Why a line of a monitor record can't be read or written.
public struct MonitorLineError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, as a sentence without a full stop.
  public let reason: String

  /// The reason.
  public var description: String { reason }
}
