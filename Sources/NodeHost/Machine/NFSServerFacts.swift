/// What the kernel's NFS server and lock manager say of themselves in this network namespace.
public struct NFSServerFacts: Sendable, Equatable {
  /// Threads of nfsd (`/proc/fs/nfsd/threads`); 0 where it is stopped, nil where there is no kernel server or its
  /// file system isn't mounted.
  public let threads: Int?
  /// Whether lockd's grace period is over (`/proc/fs/lockd/nlm_end_grace`). True also before lockd ever ran; nil
  /// where the kernel has no lockd loaded.
  public let graceEnded: Bool?

  /// Facts gathered elsewhere.
  public init(threads: Int?, graceEnded: Bool?) {
    self.threads = threads
    self.graceEnded = graceEnded
  }

  /// Whether this machine has the kernel's NFS server at all, running or stopped.
  public var hasKernelServer: Bool { threads != nil }

  /// Whether the kernel's NFS server has threads that serve.
  public var isServing: Bool { (threads ?? 0) > 0 }

  /// Reads both files; what can't be read is nil.
  public static func read() -> NFSServerFacts {
    read(proc: "/proc/fs")
  }

  /// What they say of themselves in a service's own namespaces; all nil where these don't stand, or the kernel has not
  /// answered within `limit`.
  public static func read(in namespace: ServiceNamespace, within limit: Duration) async -> NFSServerFacts {
    let facts = try? await OwnThread.run("lf-nfsd", within: limit) {
      try namespace.enter()
      return read()
    }
    return facts ?? NFSServerFacts(threads: nil, graceEnded: nil)
  }

  static func read(proc: String) -> NFSServerFacts {
    NFSServerFacts(
      threads: text(proc + "/nfsd/threads").flatMap { Int($0) },
      graceEnded: text(proc + "/lockd/nlm_end_grace").flatMap { text in
        switch text {
        case "Y": true
        case "N": false
        default: nil
        }
      })
  }

  /// Without what the kernel puts around it: lockd's file reads "Y", a line feed and a NUL
  /// (fs/lockd/procfs.c, `nlm_end_grace_read`).
  private static func text(_ path: String) -> String? {
    guard let bytes = try? contentsOfFile(path, limit: 4096) else { return nil }
    return String(decoding: bytes.filter { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self)
  }
}
