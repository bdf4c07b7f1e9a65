/// `bytes` as text that is safe in a log or on a terminal: printable ASCII as it is, a backslash doubled, every
/// other byte as `\xNN`; at most `limit` bytes of them.
func printableText(_ bytes: some Collection<UInt8>, limit: Int = 255) -> String {
  var text = ""
  for byte in bytes.prefix(limit) {
    switch byte {
    case UInt8(ascii: "\\"): text += "\\\\"
    case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
    default: text += (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
    }
  }
  return bytes.count > limit ? text + "…" : text
}
