import Glibc

/// Where statd keeps its files on this machine.
public enum StatusDirectoryLocation {
  /// Debian, where `sm/` may still be missing, is the fallback.
  private static let fallback = "/var/lib/nfs"

  /// The path of the status directory: what the node file says; else `state-directory-path` under `[statd]` in
  /// nfs.conf and its fragments; else the first of `/var/lib/nfs/statd` (Red Hat), `/var/lib/nfs` (Debian) and
  /// `/var/statmon` that has an `sm/`; else `/var/lib/nfs`.
  ///
  /// - Parameters:
  ///   - configured: `status_directory` of the node file; taken as it is, whether it exists or not.
  ///   - nfsConf: where nfs.conf is.
  ///   - root: put before every other path that is looked at or returned, for a system that is mounted elsewhere.
  /// - Throws: ``NodeHostError``: a path that isn't absolute, an nfs.conf that can't be read.
  public static func discover(
    configured: String?, nfsConf: String = "/etc/nfs.conf", root: String = ""
  ) throws(NodeHostError) -> String {
    if let configured {
      guard configured.hasPrefix("/") else {
        throw NodeHostError(.invalid, "status_directory: \"\(configured)\" isn't an absolute path")
      }
      return withoutTrailingSlashes(configured)
    }
    let configuration = try NFSConfiguration(path: nfsConf, root: root)
    if let path = configuration.value("state-directory-path", in: "statd") {
      guard path.hasPrefix("/") else {
        throw NodeHostError(
          .invalid, "\(root + nfsConf): state-directory-path: \"\(path)\" isn't an absolute path")
      }
      return root + withoutTrailingSlashes(path)
    }
    for path in ["/var/lib/nfs/statd", fallback, "/var/statmon"] {
      var status = Glibc.stat()
      if stat(root + path + "/sm", &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return root + path }
    }
    return root + fallback
  }

  private static func withoutTrailingSlashes(_ path: String) -> String {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return String(path)
  }
}
