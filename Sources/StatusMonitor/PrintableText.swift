/// `bytes` as text that is safe to print and to log: printable ASCII as it is, a backslash doubled, every other
/// byte as `\xNN`.
///
/// No two byte strings give the same text unless they are cut, so the text may stand for the bytes in a table
/// or a key. Names come from strangers on the network; nothing else of them may reach a terminal.
///
/// - Parameter limit: from this many bytes on, the rest is left out and counted.
func printableText(_ bytes: some Sequence<UInt8>, limit: Int = .max) -> String {
  var text = ""
  var taken = 0
  var left = 0
  for byte in bytes {
    guard taken < limit else {
      left += 1
      continue
    }
    taken += 1
    switch byte {
    case UInt8(ascii: "\\"): text += "\\\\"
    case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
    default: text += "\\x" + hexadecimal(byte)
    }
  }
  return left == 0 ? text : text + "… (\(left) more bytes)"
}

/// Two lower-case digits, as statd writes them.
func hexadecimal(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return digits.utf8.count == 1 ? "0" + digits : digits
}

/// Eight lower-case digits: what `%08x` prints.
func hexadecimal(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.utf8.count) + digits
}
