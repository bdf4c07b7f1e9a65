/// A path in which some bytes are written as a backslash and three octal digits, as the kernel and exports(5) do.
func unescapedPath(_ text: some StringProtocol) -> String {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    let digits = rest.prefix(3)
    if byte == UInt8(ascii: "\\"), digits.count == 3,
      let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
    {
      bytes.append(value)
      rest = rest.dropFirst(3)
    } else {
      bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// `path` is `folder` or lies below it.
func isPath(_ path: String, in folder: String) -> Bool {
  folder == "/" || path == folder || path.hasPrefix(folder + "/")
}
