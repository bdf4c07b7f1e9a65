internal import Glibc

/// The bytes of a node file, checked to be text.
enum NodeFileText {
  static func read(path: String) throws(ConfigurationError) -> String {
    let bytes = try contents(path: path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let valid = validPrefix(bytes)
      let position = NodeFileDocument.position(after: String(decoding: valid, as: UTF8.self).unicodeScalars)
      throw ConfigurationError(
        code: .invalid, file: path,
        problems: [.init(line: position.line, column: position.column, message: "not UTF-8 from here on")])
    }
    return text
  }

  private static func contents(path: String) throws(ConfigurationError) -> [UInt8] {
    // Without O_NONBLOCK a FIFO would hold the open until somebody writes to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw failure(path, .unreadable, "is not a regular file")
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path, errno) }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= NodeFileDocument.largestFile else {
        let limit = NodeFileDocument.largestFile / 1024
        throw failure(path, .invalid, "is larger than \(limit) KiB; this can't be a node file")
      }
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> ConfigurationError {
    let reason = String(cString: strerror(code))
    return failure(path, code == EACCES ? .permissionDenied : .unreadable, "can't be read: \(reason)")
  }

  private static func failure(
    _ path: String, _ code: ConfigurationError.Code, _ message: String
  ) -> ConfigurationError {
    ConfigurationError(code: code, file: path, problems: [.init(line: 0, column: 0, message: message)])
  }

  private static func validPrefix(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var length = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) { length += UTF8.width(scalar) }
    return bytes.prefix(length)
  }
}
