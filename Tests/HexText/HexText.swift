/// The bytes of hexadecimal text; white space, and what follows a `#` up to the line's end, is commentary.
public func bytes(_ annotated: String) -> [UInt8] {
  var digits: [UInt8] = []
  for line in annotated.split(separator: "\n") {
    let code = line.prefix { $0 != "#" }
    for character in code where !character.isWhitespace {
      guard let digit = character.hexDigitValue else {
        preconditionFailure("\(character) in \(line) is no hexadecimal digit")
      }
      digits.append(UInt8(digit))
    }
  }
  precondition(digits.count.isMultiple(of: 2), "half a byte in \(annotated)")
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
