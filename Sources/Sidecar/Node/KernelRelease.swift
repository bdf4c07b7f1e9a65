import Glibc

/// Which kernel runs: what a restart of the NFS server does to its locks depends on it.
enum KernelRelease {
  /// As `uname -r` prints it.
  static func read() -> String {
    var name = utsname()
    guard uname(&name) == 0 else { return "unknown" }
    return withUnsafeBytes(of: &name.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
