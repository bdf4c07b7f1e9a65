import Glibc

extension ServiceNamespace {
  /// The folders that outlive the namespaces, owned as those of this node's own status directory are.
  ///
  /// - Throws: ``NodeHostError`` where they can't be made, or nobody is known as whom a status monitor could run.
  public func makeFolders(like live: StatusDirectory) throws(NodeHostError) {
    if let owner = try? live.statusMonitorUser() { return try makeFolders(owner: owner) }
    for name in ["statd", "rpcuser"] {
      if let account = SystemAccount(named: name) {
        return try makeFolders(owner: (account.user, account.group))
      }
    }
    throw NodeHostError(
      .absent, "\(live.records) isn't there, nor is a user statd or rpcuser; install nfs-common (nfs-utils)")
  }

  /// Removes the records of an earlier time of the service on this node: those that still count are in the store, which
  /// another owner has written since. Once for each epoch, since those that come later are this owner's.
  ///
  /// - Throws: ``NodeHostError`` where one can't be removed.
  public func forgetRecords(before epoch: UInt64) throws(NodeHostError) {
    let note = folder + "/epoch"
    let text = Array("\(epoch)\n".utf8)
    if (try? contentsOfFile(note, limit: 64)) == text { return }
    let directory = StatusDirectory(path: statusDirectory)
    for place in [directory.records, directory.retired] {
      for name in try OpenDirectory(place).names() {
        let path = "\(place)/\(String(decoding: name, as: UTF8.self))"
        guard unlink(path) == 0 || errno == ENOENT else { throw NodeHostError(errno, path) }
      }
    }
    try DurableFile.write(text, to: note)
  }
}

/// Disks that are being detached from this node.
extension ServiceNamespace {
  private var disksFile: String { folder + "/detaching" }

  /// Those of a step that has not ended.
  public func notedDisks() -> Set<DeviceNumber> {
    let text = String(decoding: (try? contentsOfFile(disksFile, limit: 1 << 16)) ?? [], as: UTF8.self)
    return Set(text.split(separator: "\n").compactMap(DeviceNumber.init))
  }

  /// Notes them in the place of those that were noted.
  ///
  /// - Throws: ``NodeHostError`` where that can't be written.
  public func note(disks: Set<DeviceNumber>) throws(NodeHostError) {
    if disks.isEmpty {
      guard unlink(disksFile) == 0 || errno == ENOENT else { throw NodeHostError(errno, disksFile) }
      return
    }
    let text = disks.map { "\($0.major):\($0.minor)\n" }.sorted().joined()
    try DurableFile.write(Array(text.utf8), to: disksFile)
  }
}

extension ExportLines {
  /// Reads a file, at most 1 MiB.
  ///
  /// - Throws: ``NodeHostError``; `absent` where it isn't there.
  public init(file: String) throws(NodeHostError) {
    let bytes: [UInt8]?
    do {
      bytes = try contentsOfFile(file, limit: 1 << 20)
    } catch {
      throw NodeHostError(error.number, file)
    }
    guard let bytes else { throw NodeHostError(.absent, "there is no such file") }
    try self.init(String(decoding: bytes, as: UTF8.self))
  }
}
