import Glibc
public import StatusMonitor

/// Everything that was in the status directory at one time.
public struct StatusDirectoryScan: Sendable {
  /// Every readable record, byte for byte.
  public let records: [ClientName: [UInt8]]
  /// What in `sm/` isn't a record, by name. Temporary files of ours are left out.
  public let refused: [RefusedFile]
  /// The clients with a file in `sm.bak/`; empty where there is no `sm.bak/`.
  public let retired: Set<ClientName>
  /// Which `sm/` it was.
  public let identity: DirectoryIdentity
  /// How many files had to be opened; the others were as the previous scan saw them.
  public let filesRead: Int
  /// How many files were looked at, opened or not. The records of the others are those of the previous scan.
  public let filesSeen: Int

  /// Of the records that were read when their last change was old enough.
  fileprivate var signatures: [ClientName: FileSignature]
  /// Of `sm/` itself, from before its names were read; nil where a change since then might not show in it.
  fileprivate let folder: FileSignature?
  /// Whose turn it is next, where only a share of the files is looked at.
  fileprivate var turn = 0

  /// How many scans look at every file once, where each looks at a share.
  static let shares = 8

  /// These were written in place, as somebody else has heard: what this scan says of them is old, and the next one looks at
  /// every file.
  public mutating func forget(_ clients: some Sequence<ClientName>) {
    for client in clients { signatures[client] = nil }
  }
}

extension StatusDirectory {
  /// How many clients have a file in `sm/`, whatever is in it.
  ///
  /// - Throws: ``NodeHostError`` as ``scan(previous:)``.
  public func clientCount() throws(NodeHostError) -> Int {
    let names = try open(.records).names()
    return names.count { !TemporaryName.matches($0) && (try? ClientName($0)) != nil }
  }

  /// Reads all of `sm/` and the names in `sm.bak/`.
  ///
  /// A file that changes while it is read is read again, at most five times, and then refused. `sm/` is read
  /// first: a record that sm-notify moves to `sm.bak/` meanwhile is seen there, or in both, never in neither.
  ///
  /// - Parameters:
  ///   - previous: an earlier scan of the same directory: files that are by all signs unchanged aren't read again.
  ///   - looksAtShare: while nothing was made, removed or renamed in the directory, only an eighth of the files is looked
  ///     at, each time another one: of ten thousand that costs an idle daemon as much as a third of its beats. For whoever
  ///     is told otherwise of files that are written in place, and says so (``StatusDirectoryScan/forget(_:)``).
  /// - Throws: ``NodeHostError`` where a folder can't be listed from beginning to end; `absent` where there is no
  ///   `sm/`.
  public func scan(
    previous: StatusDirectoryScan? = nil, looksAtShare: Bool = false
  ) throws(NodeHostError) -> StatusDirectoryScan {
    let directory = try open(.records)
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let status = try directory.status()
    let identity = DirectoryIdentity(status)
    let folder = FileSignature(status)
    let known = previous?.identity == identity ? previous : nil
    if let known, known.folder == folder,
      let filesSeen = countUnchanged(directory, since: known, share: looksAtShare)
    {
      return StatusDirectoryScan(
        records: known.records, refused: [], retired: try retiredClients(), identity: identity, filesRead: 0,
        filesSeen: filesSeen, signatures: known.signatures, folder: folder,
        turn: (known.turn + 1) % StatusDirectoryScan.shares)
    }
    let names = try directory.names()

    // What is unchanged stays where it is: of an unchanged directory this scan and the previous one share everything.
    var records = known?.records ?? [:]
    var signatures = known?.signatures ?? [:]
    var refused: [RefusedFile] = []
    var filesRead = 0
    var stillThere = 0
    for name in names where !TemporaryName.matches(name) {
      let client: ClientName
      do {
        client = try ClientName(name)
      } catch {
        refused.append(RefusedFile(name: error.name, client: nil, reason: error.reason))
        continue
      }
      let before = known?.records[client]
      if before != nil {
        stillThere += 1
        if let signature = known?.signatures[client],
          let status = try? directory.status(of: client.text), FileSignature(status) == signature
        {
          continue
        }
      }
      filesRead += 1
      var reading: (bytes: [UInt8], signature: FileSignature?)?
      switch RecordFile(client: client).read(in: directory) {
      case .read(let bytes, let signature): reading = (bytes == before ? before ?? bytes : bytes, signature)
      case .absent: break
      case .refused(let reason):
        refused.append(RefusedFile(name: client.text, client: client, reason: reason))
      }
      records[client] = reading?.bytes
      signatures[client] = reading?.signature
    }
    if let known, stillThere < known.records.count {
      let present = Set(names.compactMap { try? ClientName($0) })
      for client in known.records.keys where !present.contains(client) {
        records[client] = nil
        signatures[client] = nil
      }
    }
    return StatusDirectoryScan(
      records: records, refused: refused.sorted { $0.name < $1.name }, retired: try retiredClients(),
      identity: identity, filesRead: filesRead, filesSeen: names.count, signatures: signatures,
      folder: FileSignature.isSettled(status, at: now) ? folder : nil)
  }

  /// How many files of a folder whose entries have not changed are as they were: all of them, or all of the share whose turn
  /// it is. Nil where one is not.
  private func countUnchanged(
    _ directory: borrowing OpenDirectory, since known: StatusDirectoryScan, share: Bool
  ) -> Int? {
    guard known.refused.isEmpty, known.signatures.count == known.records.count else { return nil }
    // The same dictionary as last time, so in the same order.
    let length = known.signatures.count / StatusDirectoryScan.shares + 1
    let looked =
      share ? known.signatures.dropFirst(known.turn * length).prefix(length) : known.signatures[...]
    for (client, signature) in looked {
      guard let status = try? directory.status(of: client.text), FileSignature(status) == signature else {
        return nil
      }
    }
    return looked.count
  }

  private func retiredClients() throws(NodeHostError) -> Set<ClientName> {
    do {
      return try clients(in: .retired)
    } catch {
      if error.code == .absent { return [] }
      throw error
    }
  }
}
