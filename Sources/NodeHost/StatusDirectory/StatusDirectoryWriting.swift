import CLinux
import Glibc
public import StatusMonitor

extension StatusDirectory {
  /// From so many records on, one flush of the file system is cheaper than one of each file.
  private static let flushAllFrom = 16

  /// Puts a record into `sm/`, over the one that is there: whole or not at all, and on the disk when this returns.
  ///
  /// The file gets mode 0600, the owner of `sm/`, without which statd can't read it, and the SELinux context of
  /// `sm/` where that has one. Whatever fails, no temporary file is left.
  ///
  /// - Throws: ``NodeHostError``: no `sm/`, not root, no room.
  public func install(_ record: [UInt8], as client: ClientName) throws(NodeHostError) {
    try installAll([client: record])
  }

  /// Puts several records into `sm/`, each whole or not at all, with one flush of the folder.
  ///
  /// All of them are on the disk under temporary names before the first is renamed, so that a full disk changes
  /// nothing. Where a rename fails the records before it stay: each is complete, and installing again is harmless.
  ///
  /// - Throws: ``NodeHostError``, as for one.
  public func installAll(_ records: [ClientName: [UInt8]]) throws(NodeHostError) {
    _ = try replace(records) { _, _ in true }
  }

  /// What is to become of a record that was read before.
  public struct Replacement: Sendable, Equatable {
    /// The new file, byte for byte.
    public let record: [UInt8]
    /// What the file held when the new one was made from it; nil where there was none.
    public let basis: [UInt8]?

    /// A new file for one that held `basis`.
    public init(_ record: [UInt8], for basis: [UInt8]?) {
      self.record = record
      self.basis = basis
    }
  }

  /// Puts records into `sm/` as the other does, but only over what they were made from: another program may have
  /// written a client's record since, and what it wrote must not be lost.
  ///
  /// Our own status monitor can't write between the last look and the rename; rpc.statd, which knows no lock, could,
  /// within the few microseconds that these are apart.
  ///
  /// - Returns: the clients whose file is not what the replacement was made from; theirs is as it was.
  /// - Throws: ``NodeHostError``, as for one; `held` where a status monitor of ours does not let go of `sm/`.
  public func replaceAll(
    _ replacements: [ClientName: Replacement]
  ) throws(NodeHostError) -> Set<ClientName> {
    try replace(replacements.mapValues(\.record)) { directory, client in
      RecordFile(client: client).content(in: directory) == .some(replacements[client]?.basis)
    }
  }

  /// How long to wait for another program of ours that writes records.
  static let patience = Duration.seconds(4)

  private func replace(
    _ records: [ClientName: [UInt8]], where isAsExpected: (borrowing OpenDirectory, ClientName) -> Bool
  ) throws(NodeHostError) -> Set<ClientName> {
    guard !records.isEmpty else { return [] }
    let directory = try open(.records)
    let owner = FileOwner(try directory.status())
    let flushEach = records.count < Self.flushAllFrom
    var temporaries: [(temporary: String, client: ClientName)] = []
    var overtaken: Set<ClientName> = []
    do throws(NodeHostError) {
      for (client, bytes) in records {
        guard !bytes.isEmpty, bytes.count <= MonitorRecord.maximumBytes else {
          throw NodeHostError(
            .invalid,
            "the record of \(client) has \(bytes.count) bytes; a record has 1 to \(MonitorRecord.maximumBytes)"
          )
        }
        let temporary = TemporaryName.of(client.text)
        try directory.create(
          temporary, bytes, mode: 0o600, owner: owner, likeDirectory: true, flush: flushEach)
        temporaries.append((temporary, client))
      }
      if !flushEach {
        let failure = lfh_sync_file_system(directory.descriptor.number)
        if failure != 0 { throw NodeHostError(-failure, "can't flush the file system of \(self.records)") }
      }
      // Only now: a status monitor that waits for the lock keeps clients waiting for their own.
      try directory.lock(within: Self.patience)
      defer { directory.unlock() }
      for (temporary, client) in temporaries {
        if isAsExpected(directory, client) {
          try directory.rename(temporary, to: client.text)
        } else {
          directory.remove(temporary)
          overtaken.insert(client)
        }
      }
    } catch {
      // Names that were renamed already are gone, which is no error here.
      for (temporary, _) in temporaries { directory.remove(temporary) }
      throw error
    }
    try directory.sync()
    return overtaken
  }

  /// Removes what a killed lockferry left of unfinished writes, in `sm/` and beside `state`.
  ///
  /// To be called once at the start, under the node's lock, before anything is written: it can't tell a leftover
  /// from a write that is under way.
  ///
  /// - Returns: the names it removed.
  /// - Throws: ``NodeHostError`` where a folder can't be listed; one that isn't there has no leftovers.
  @discardableResult
  public func removeLeftovers() throws(NodeHostError) -> [String] {
    var removed: [String] = []
    for isRecords in [false, true] {
      do {
        let directory = try isRecords ? open(.records) : OpenDirectory(path)
        for name in try directory.names() where TemporaryName.matches(name, by: .daemon) {
          let text = String(decoding: name, as: UTF8.self)
          guard unlinkat(directory.descriptor.number, text, 0) == 0 else { continue }
          removed.append(directory.path + "/" + printableText(name))
        }
      } catch {
        if error.code != .absent { throw error }
      }
    }
    return removed
  }

  /// Makes a status directory for `sm-notify -P`: `sm/` and `sm.bak/` with the owner, group and SELinux context of
  /// the live `sm/`, mode 0700. What is there already stays, with its owner put right.
  ///
  /// sm-notify gives up root for the owner of `sm/` and then still walks to `sm.bak/`, so the folder belongs to
  /// that user too, and every folder above it must let that user pass. The state file comes with
  /// ``raiseState(to:)``.
  ///
  /// - Throws: ``NodeHostError``: no live `sm/`, not root, or a folder above that the user can't pass.
  public static func makePrivate(
    at path: String, like live: StatusDirectory
  ) throws(NodeHostError) -> StatusDirectory {
    let model = try live.open(.records)
    let owner = FileOwner(try model.status())
    let made = StatusDirectory(path: path)
    for folder in [path, made.records, made.retired] {
      if mkdir(folder, 0o700) != 0, errno != EEXIST { throw NodeHostError(errno, folder) }
      // O_NOFOLLOW: a link planted by the statd user must not direct chown elsewhere.
      let descriptor = try Descriptor.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      guard fchown(descriptor.number, owner.user, owner.group) == 0, fchmod(descriptor.number, 0o700) == 0
      else {
        throw NodeHostError(
          errno, "can't give \(folder) to user \(owner.user), group \(owner.group)",
          remedy: "run lockferry as root")
      }
      let copied = lfh_copy_security_context(model.descriptor.number, descriptor.number)
      if copied < 0 { throw NodeHostError(-copied, "can't set the SELinux context of \(folder)") }
      guard fsync(descriptor.number) == 0 else { throw NodeHostError(errno, folder) }
    }
    try requirePassage(to: path, for: owner)
    return made
  }

  private static func requirePassage(to path: String, for owner: FileOwner) throws(NodeHostError) {
    guard owner.user != 0 else { return }
    var folder = path
    while let slash = folder.lastIndex(of: "/"), folder != "/" {
      folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
      var status = Glibc.stat()
      guard stat(folder, &status) == 0 else { throw NodeHostError(errno, folder) }
      let bit: mode_t =
        status.st_uid == owner.user ? 0o100 : status.st_gid == owner.group ? 0o010 : 0o001
      guard status.st_mode & bit != 0 else {
        throw NodeHostError(
          .conflict,
          "sm-notify runs as user \(owner.user), the owner of sm/, and can't pass through \(folder); "
            + "chmod o+x \(folder), or choose another state_directory")
      }
    }
  }
}
