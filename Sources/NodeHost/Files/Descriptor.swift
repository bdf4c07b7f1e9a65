import Glibc

/// An open file descriptor, closed when its owner lets go of it.
struct Descriptor: ~Copyable, Sendable {
  let number: Int32

  /// Takes ownership of `number`.
  init(owning number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// open(2), closed on exec.
  ///
  /// - Throws: ``NodeHostError`` that names the path.
  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(NodeHostError) -> Descriptor {
    let number = Glibc.open(path, flags | O_CLOEXEC, mode)
    guard number >= 0 else { throw NodeHostError(errno, path) }
    return Descriptor(owning: number)
  }

  /// Writes all of `bytes`; the error number where that fails.
  func write(_ bytes: [UInt8]) -> Int32? {
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
        let count = Glibc.write(number, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          return errno
        }
        written += count
      }
      return nil
    }
  }

  /// Reads to the end, but no more than `limit` + 1 bytes, so that a caller sees that there is more.
  ///
  /// - Parameter size: how much there probably is; a guess too low only costs further calls.
  func read(limit: Int, expecting size: Int = 65_535) -> Result<[UInt8], SystemError> {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(limit, max(size, 511), 65_535) + 1)
    while bytes.count <= limit {
      let count = Glibc.read(number, &chunk, min(chunk.count, limit + 1 - bytes.count))
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(SystemError(number: errno))
      }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return .success(bytes)
  }

  /// fstat(2)
  func status() throws(SystemError) -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SystemError(number: errno) }
    return status
  }
}

/// An error number, before anyone has said what it was about.
struct SystemError: Error, Sendable {
  let number: Int32
}

/// Reads a whole small file, such as those in `/proc`; nil where it isn't there.
func contentsOfFile(_ path: String, limit: Int = 65_536) throws(SystemError) -> [UInt8]? {
  let number = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
  guard number >= 0 else {
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw SystemError(number: errno)
  }
  let bytes = try Descriptor(owning: number).read(limit: limit).get()
  guard bytes.count <= limit else { throw SystemError(number: EFBIG) }
  return bytes
}
