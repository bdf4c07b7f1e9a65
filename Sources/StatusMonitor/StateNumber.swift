/// A status monitor's state number: what a server tells its clients so that they notice that it restarted.
///
/// Odd while the host is up, and newer numbers are greater (NSM, X/Open XNFS chapter 11: `struct sm_stat`). A
/// Linux client takes a notification for news only where the number differs from the last it saw, others only
/// where it is greater. A number read from another system's file may be even ("down"); the numbers that
/// ``next(above:)`` gives never are.
public struct StateNumber: Comparable, Hashable, Sendable, Codable, CustomStringConvertible {
  /// 1...`Int32.max`.
  public let value: Int32

  /// Nil where `value` isn't positive.
  public init?(_ value: Int32) {
    guard value > 0 else { return nil }
    self.value = value
  }

  /// Reads the content of statd's `state` file: 4 bytes in the machine's own byte order.
  ///
  /// Nil where the file is empty (as Debian 13 creates it), short, long, or holds a number that isn't positive.
  public init?(fileBytes: [UInt8]) {
    guard fileBytes.count == 4 else { return nil }
    let pattern = fileBytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    self.init(Int32(bitPattern: pattern))
  }

  /// The content of a `state` file with this number: 4 bytes in the machine's own byte order.
  public var fileBytes: [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
  }

  /// The smallest odd number above all of `seen`; 1 where nothing was seen.
  ///
  /// Nil when the space is used up, that is, when `Int32.max` was seen: no number that follows would be newer.
  public static func next(above seen: [StateNumber]) -> StateNumber? {
    let highest = seen.max()?.value ?? 0
    let (successor, overflow) = highest.addingReportingOverflow(highest.isMultiple(of: 2) ? 1 : 2)
    return overflow ? nil : StateNumber(successor)
  }

  /// Whether `right` is newer.
  public static func < (left: StateNumber, right: StateNumber) -> Bool { left.value < right.value }

  /// The number in decimal.
  public var description: String { String(value) }

  /// Decodes a plain number.
  ///
  /// - Throws: `DecodingError` where it isn't in 1...`Int32.max`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let value = try container.decode(Int32.self)
    guard let number = StateNumber(value) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a state number is 1 to \(Int32.max), not \(value)")
    }
    self = number
  }

  /// Encodes a plain number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}
