/// Reads hexadecimal fields the way `sscanf` does, because that is what statd reads its records with.
///
/// Records may have been written by another program or edited by hand; what statd takes from them is decided by
/// `nsm_parse_line` (nfs-utils, support/nsm/file.c) and so by the C library: white space before a number, a
/// sign and `0x` are accepted, and a field may be shorter than its width.
struct MonitorLineScanner {
  private let text: ArraySlice<UInt8>
  private(set) var index: Int

  init(_ text: ArraySlice<UInt8>, at offset: Int = 0) {
    self.text = text
    self.index = text.startIndex + offset
  }

  /// One `%Nx` conversion; nil where there is no number. What follows the number stays.
  mutating func hexadecimalNumber(width: Int) -> UInt32? {
    while index < text.endIndex, isWhiteSpace(text[index]) { index += 1 }
    var remaining = width
    var isNegative = false
    var hasDigits = false
    if let sign = next(), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      advance(&remaining)
    }
    if remaining > 0, next() == UInt8(ascii: "0") {
      hasDigits = true
      advance(&remaining)
      if remaining > 0, next() == UInt8(ascii: "x") || next() == UInt8(ascii: "X") { advance(&remaining) }
    }
    var value: UInt32 = 0
    while remaining > 0, let digit = next().flatMap(hexadecimalDigit) {
      value = value << 4 | digit
      hasDigits = true
      advance(&remaining)
    }
    guard hasDigits else { return nil }
    return isNegative ? 0 &- value : value
  }

  private func next() -> UInt8? { index < text.endIndex ? text[index] : nil }

  private mutating func advance(_ remaining: inout Int) {
    index += 1
    remaining -= 1
  }
}

private func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

private func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
  default: nil
  }
}
