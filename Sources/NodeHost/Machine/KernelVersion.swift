import Glibc

/// The version of a Linux kernel, without what a distribution adds to it.
struct KernelVersion: Comparable, Sendable {
  var major: Int
  var minor: Int

  init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

  /// Of `6.1.0-56-amd64`; nil where that begins otherwise.
  init?(release: String) {
    let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map {
      Int($0.prefix { $0.isASCII && $0.isNumber })
    }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
    self.init(major, minor)
  }

  /// Of this machine (uname(2)); the oldest there is where it can't be read.
  static var running: KernelVersion {
    var name = utsname()
    guard uname(&name) == 0 else { return KernelVersion(0, 0) }
    let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return KernelVersion(release: release) ?? KernelVersion(0, 0)
  }

  static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}
