/// A client lock description file: everything that a status monitor wrote down about one peer.
///
/// One file per monitored peer in `sm/`, one or more lines (``MonitorLine``). Reading never loses a byte: what
/// can't be understood is kept and reported, because the file may be the only trace of a client that holds a
/// lock.
public struct MonitorRecord: Sendable, Equatable {
  /// The largest file that is taken for a record, in bytes.
  ///
  /// Nearly sixty lines of the longest kind; a real record has one line of about a hundred bytes.
  public static let maximumBytes = 65_536

  /// The file, byte for byte.
  public let bytes: [UInt8]

  /// The file's lines, in order.
  public let lines: [Line]

  /// One line of a file.
  public enum Line: Sendable, Equatable {
    /// A line as statd writes and reads it.
    case monitor(MonitorLine)
    /// Bytes without the newline that statd would skip or misread, and why.
    case unreadable([UInt8], reason: String)

    /// The line without its newline, byte for byte.
    public var text: [UInt8] {
      switch self {
      case .monitor(let line): line.text
      case .unreadable(let bytes, reason: _): bytes
      }
    }

    init(parsing text: [UInt8]) {
      do throws(MonitorLineError) {
        self = .monitor(try MonitorLine(parsing: text))
      } catch {
        self = .unreadable(text, reason: error.reason)
      }
    }
  }

  /// Reads a file. Any bytes will do; see ``problems`` for what can't be used.
  public init(parsing bytes: [UInt8]) {
    self.bytes = bytes
    var parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What follows the last newline is a line only where it holds anything.
    if parts.last?.isEmpty == true { parts.removeLast() }
    self.lines = parts.map { Line(parsing: Array($0)) }
  }

  /// A file of these lines, each ended by a newline.
  public init(_ lines: [MonitorLine]) {
    self.lines = lines.map { .monitor($0) }
    self.bytes = lines.flatMap { $0.text + [UInt8(ascii: "\n")] }
  }

  /// The lines that can be read.
  public var monitorLines: [MonitorLine] {
    lines.compactMap { line in
      switch line {
      case .monitor(let line): line
      case .unreadable: nil
      }
    }
  }

  /// Whether a file of these bytes has a line about `monName`, which must not be empty. Looks at the place of that name
  /// alone, so that many files can be searched.
  public static func names(_ monName: [UInt8], in bytes: [UInt8]) -> Bool {
    guard !monName.contains(UInt8(ascii: " ")) else { return false }
    var start = bytes.startIndex
    while start < bytes.endIndex {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      let name = start + MonitorLine.monNameOffset
      let after = name + monName.count
      if after <= end, bytes[name..<after].elementsEqual(monName),
        after == end || bytes[after] == UInt8(ascii: " ")
      {
        return true
      }
      start = end + 1
    }
    return false
  }

  /// What an operator should know about this file, printable, one sentence each; empty for a sound record.
  public var problems: [String] {
    guard !bytes.isEmpty else { return ["empty file: it names no peer"] }
    var problems: [String] = []
    if bytes.count > MonitorRecord.maximumBytes {
      problems.append(
        "the file has \(bytes.count) bytes, more than the \(MonitorRecord.maximumBytes) allowed")
    }
    var hasReadableLine = false
    for (index, line) in lines.enumerated() {
      switch line {
      case .monitor: hasReadableLine = true
      case .unreadable(let text, let reason):
        problems.append("line \(index + 1): \(reason): \"\(printableText(text, limit: 80))\"")
      }
    }
    if bytes.last != UInt8(ascii: "\n") {
      problems.append("the last line has no newline: it may have been cut off while it was written")
    }
    if !hasReadableLine { problems.append("no line can be read") }
    return problems
  }

  /// This record with the lines of another that it lacks: its own first, none twice, each ended by a newline.
  ///
  /// Lines are the same where their bytes are. Unreadable lines come along; only empty lines don't, since they
  /// say nothing and statd would never again remove a line from a file that has one (`nsm_delete_host`).
  public func merged(with other: MonitorRecord) -> MonitorRecord {
    var seen: Set<[UInt8]> = []
    var merged: [UInt8] = []
    merged.reserveCapacity(bytes.count + other.bytes.count + 2)
    for line in lines + other.lines where !line.text.isEmpty && seen.insert(line.text).inserted {
      merged += line.text
      merged.append(UInt8(ascii: "\n"))
    }
    return MonitorRecord(parsing: merged)
  }

  /// Whether the files are the same, byte for byte.
  public static func == (left: MonitorRecord, right: MonitorRecord) -> Bool { left.bytes == right.bytes }
}
