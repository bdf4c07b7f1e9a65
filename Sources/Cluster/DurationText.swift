/// Durations as operators write them: a whole or decimal number directly followed by `ms`, `s`, `m` or `h`.
///
/// A bare number is refused: nobody can tell seconds from milliseconds a year later.
public enum DurationText {
  /// Why a text is no duration.
  public enum Refusal: Error, Sendable, Equatable {
    /// A number and nothing else.
    case missingUnit
    /// A number and something that is no unit.
    case unknownUnit(String)
    /// Not a number of at most 9 digits with at most 9 decimals.
    case notANumber
  }

  /// The units, smallest first.
  public static let units: [(name: String, duration: Duration)] = [
    ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
  ]

  /// Reads `500ms`, `1.5s`, `2m`.
  public static func parse(_ text: String) throws(Refusal) -> Duration {
    let bytes = Array(text.utf8)
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    let whole = bytes.prefix(while: isDigit)
    var rest = bytes.dropFirst(whole.count)
    var decimals: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      decimals = rest.dropFirst().prefix(while: isDigit)
      guard !decimals.isEmpty else { throw .notANumber }
      rest = rest.dropFirst(1 + decimals.count)
    }
    guard (1...9).contains(whole.count), decimals.count <= 9 else { throw .notANumber }
    guard !rest.isEmpty else { throw .missingUnit }
    let name = String(decoding: rest, as: UTF8.self)
    guard let unit = units.first(where: { $0.name == name })?.duration else { throw .unknownUnit(name) }
    func number(_ digits: ArraySlice<UInt8>) -> Int {
      digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
    let divisor = decimals.reduce(1) { product, _ in product * 10 }
    return unit * number(whole) + unit * number(decimals) / divisor
  }

  /// The shortest text that ``parse(_:)`` reads back: `50s`, `2m`, `1500ms`. Parts below a nanosecond are
  /// dropped, a negative duration is written with `-`.
  public static func text(_ duration: Duration) -> String {
    if duration < .zero { return "-" + text(.zero - duration) }
    if duration == .zero { return "0s" }
    let nanoseconds = duration.wholeNanoseconds
    for (name, unit) in units.reversed() where nanoseconds % unit.wholeNanoseconds == 0 {
      return "\(nanoseconds / unit.wholeNanoseconds)\(name)"
    }
    let million: Int128 = 1_000_000
    var decimals = String(nanoseconds % million)
    decimals = String(repeating: "0", count: 6 - decimals.count) + decimals
    while decimals.hasSuffix("0") { decimals.removeLast() }
    return "\(nanoseconds / million).\(decimals)ms"
  }
}

extension Duration {
  /// Nanoseconds, rounded towards zero.
  var wholeNanoseconds: Int128 {
    Int128(components.seconds) * 1_000_000_000 + Int128(components.attoseconds / 1_000_000_000)
  }

  /// Rounded up to whole milliseconds.
  var roundedUpToMilliseconds: Duration {
    let milliseconds = (wholeNanoseconds + 999_999) / 1_000_000
    return .milliseconds(Int64(clamping: milliseconds))
  }
}
