import Glibc

/// The program that this process runs.
public enum OwnProgram {
  /// Its absolute path; after an upgrade that of the new one, which has taken its name.
  ///
  /// - Throws: ``NodeHostError`` (`absent`) where no program is there any more.
  public static func path() throws(NodeHostError) -> String {
    var target = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &target, target.count)
    guard length > 0 else { throw NodeHostError(errno, "/proc/self/exe") }
    var path = String(decoding: target.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // fs/d_path.c, `d_path`
    let mark = " (deleted)"
    if path.hasSuffix(mark), access(path, F_OK) != 0 { path.removeLast(mark.count) }
    guard access(path, X_OK) == 0 else {
      throw NodeHostError(
        .absent, "\(path), which this process runs, is no program any more; install it again")
    }
    return path
  }
}

/// What the kernel calls this process: `comm` of its first thread (proc(5)).
public enum ProcessName {
  /// Sets it; at most 15 bytes count.
  public static func set(_ name: String) {
    guard let file = try? Descriptor.open("/proc/self/comm", O_WRONLY) else { return }
    // It is for people, and for whoever looks for the process: neither is worth not to serve.
    _ = file.write(Array(name.utf8))
  }
}
