import Glibc

/// Which parts this kernel could load.
public enum KernelModules {
  /// depmod's list of a distribution's kernel has about 600 kB.
  private static let limit = 16_777_216

  /// Whether a kernel has a module, be it built in.
  ///
  /// - Parameter folder: its `modules.dep` and `modules.builtin`, as depmod(8) and the kernel's build write them:
  ///   `/lib/modules/RELEASE`.
  /// - Returns: nil where neither can be read, as in a container that has none.
  public static func has(_ name: String, in folder: String) -> Bool? {
    let lists = ["modules.dep", "modules.builtin"].compactMap {
      try? contentsOfFile("\(folder)/\($0)", limit: limit)
    }
    guard !lists.isEmpty else { return nil }
    // `kernel/fs/nfsd/nfsd.ko.xz: kernel/net/sunrpc/sunrpc.ko.xz`; whoever another depends on is there as well.
    return lists.contains { list in
      (list.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { text in
        text.baseAddress.map { strstr($0, "/\(name).ko") != nil } ?? false
      }
    }
  }
}
