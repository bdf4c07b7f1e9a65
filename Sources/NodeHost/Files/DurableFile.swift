public import Glibc

/// Files that are there whole or not at all, whenever the power goes.
public enum DurableFile {
  /// Replaces the file at `path`: temporary file, fsync, rename, fsync of the folder.
  ///
  /// When it returns, the content survives a power cut. Where it throws, the old content is still there (unless
  /// only the last fsync failed: then either) and nothing else is left. One writer at a time for one path.
  ///
  /// - Parameter mode: permissions of the new file, whatever the umask.
  /// - Throws: ``NodeHostError``: no folder, no permission, no room.
  public static func write(
    _ bytes: [UInt8], to path: String, mode: mode_t = 0o600
  ) throws(NodeHostError) {
    let (folder, name) = try split(path)
    let directory = try OpenDirectory(folder)
    try replace(name, in: directory, with: bytes, mode: mode, owner: nil)
  }

  static func replace(
    _ name: String, in directory: borrowing OpenDirectory, with bytes: [UInt8], mode: mode_t,
    owner: FileOwner?,
    likeDirectory: Bool = false
  ) throws(NodeHostError) {
    let temporary = TemporaryName.of(name)
    try directory.create(
      temporary, bytes, mode: mode, owner: owner, likeDirectory: likeDirectory, flush: true)
    do {
      try directory.rename(temporary, to: name)
    } catch {
      directory.remove(temporary)
      throw error
    }
    try directory.sync()
  }

  private static func split(_ path: String) throws(NodeHostError) -> (folder: String, name: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, !name.isEmpty, name != ".", name != ".." else {
      throw NodeHostError(.invalid, "\"\(path)\" doesn't name a file")
    }
    let folder = parts.dropLast().joined(separator: "/")
    return (folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder, String(name))
  }
}
