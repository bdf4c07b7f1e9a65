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

/// A path as nfsd's files take it: what would end a word, and backslashes, as a backslash and three octal digits
/// (net/sunrpc/cache.c, `qword_get`).
func escapedPath(_ path: String) -> String {
  path.utf8.map { byte in
    byte > 0x20 && byte != UInt8(ascii: "\\") && byte < 0x7f
      ? String(UnicodeScalar(byte))
      : "\\" + String(repeating: "0", count: 3 - String(byte, radix: 8).count) + String(byte, radix: 8)
  }.joined()
}

/// `path` is `folder` or lies below it.
func isPath(_ path: String, in folder: String) -> Bool {
  folder == "/" || path == folder || path.hasPrefix(folder + "/")
}
