import Glibc

/// Files that are written aside and renamed: whoever sees one sees all of it.
enum WholeFile {
  /// `{"pid":N,"port":N}`: this program can be talked to.
  static func writeReady(_ path: String, port: UInt16) throws {
    try write(path, JSONLine().with("pid", getpid()).with("port", port).text + "\n")
  }

  /// - Throws: ``NSMPeerError``; no file of this name is left half written.
  static func write(_ path: String, _ text: String) throws {
    let temporary = "\(path).\(getpid()).tmp"
    let file = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw NSMPeerError("\(temporary): \(String(cString: strerror(errno)))") }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
    close(file)
    guard rest.isEmpty, rename(temporary, path) == 0 else {
      let text = String(cString: strerror(errno))
      unlink(temporary)
      throw NSMPeerError("\(path) can't be written: \(text)")
    }
  }
}
