import CLinux
import Glibc
public import StatusMonitor

extension StatusDirectory {
  /// More files than this are not held open at once.
  static let changesAtOnce = 128

  /// Makes changes of records, many of them with one commit of the file system's journal where it has one.
  ///
  /// A record that is there is replaced as a whole, by a file that is on the disk before it gets its name. A new one
  /// gets its name first and is on the disk with it, or not at all, or empty: what a crash leaves of a record for
  /// which nobody was promised anything. Removed files are not waited for: one that a power cut brings back costs its
  /// client a notification too many.
  ///
  /// From the reading of a record to its replacement no other program of ours writes into `sm/`: an adoption's lines
  /// would be lost, or the lines that an adoption read would come back without these.
  ///
  /// - Parameter changes: made in this order; more than one for the same client are made as one.
  /// - Returns: for each change whether all of its lines are on the disk, or why not.
  public func make(_ changes: [RecordChange]) -> [Result<Void, NodeHostError>] {
    var results: [Result<Void, NodeHostError>] = []
    var rest = changes[...]
    while !rest.isEmpty {
      var clients: Set<ClientName> = []
      let share = rest.prefix {
        clients.insert($0.client)
        return clients.count <= StatusDirectory.changesAtOnce
      }
      rest = rest.dropFirst(share.count)
      results += make(share: Array(share))
    }
    return results
  }

  private func make(share changes: [RecordChange]) -> [Result<Void, NodeHostError>] {
    var batch: RecordBatch
    do {
      batch = try RecordBatch(open(.records))
    } catch {
      return changes.map { _ in .failure(error) }
    }
    var order: [ClientName] = []
    var byClient: [ClientName: [RecordChange]] = [:]
    for change in changes {
      if byClient[change.client] == nil { order.append(change.client) }
      byClient[change.client, default: []].append(change)
    }
    for client in order { batch.prepare(client, byClient[client] ?? []) }
    batch.commit()
    return changes.map { change in batch.failures[change.client].map { .failure($0) } ?? .success(()) }
  }

  /// Removes what a killed status monitor of ours left in `sm/`. To be called while no other one runs.
  public func removeStatusMonitorLeftovers() throws(NodeHostError) {
    let directory = try open(.records)
    for name in try directory.names() where TemporaryName.matches(name, by: .statusMonitor) {
      directory.remove(String(decoding: name, as: UTF8.self))
    }
  }
}

/// Changes of several records on their way to the disk.
private struct RecordBatch: ~Copyable {
  private struct Writing {
    let client: ClientName
    let temporary: String
    let file: Int32
    /// A record is there already.
    let isReplacement: Bool
  }

  private let directory: OpenDirectory
  private let owner: FileOwner?
  private var writings: [Writing] = []
  private(set) var failures: [ClientName: NodeHostError] = [:]

  init(_ directory: consuming OpenDirectory) throws(NodeHostError) {
    try directory.lock(within: StatusDirectory.patience)
    // As root, before privileges were dropped or where they weren't, the files are still statd's.
    owner = geteuid() == 0 ? (try? directory.status()).map(FileOwner.init) : nil
    self.directory = directory
  }

  deinit {
    directory.unlock()
    for writing in writings { close(writing.file) }
  }

  /// Removes the record, or writes the new one under a temporary name.
  mutating func prepare(_ client: ClientName, _ changes: [RecordChange]) {
    do throws(NodeHostError) {
      let (present, isThere) = try read(client)
      var record = present
      for change in changes { record = change.applied(to: record) }
      guard let record else {
        if isThere { directory.remove(client.text) }
        return
      }
      if record == present, changes.allSatisfy(\.isCheck) { return }
      guard record.bytes.count <= MonitorRecord.maximumBytes else {
        throw NodeHostError(
          .full, "the record of \(client) would have \(record.bytes.count) bytes, more than statd ever writes"
        )
      }
      let temporary = TemporaryName.of(client.text, by: .statusMonitor)
      let file = try create(temporary)
      writings.append(Writing(client: client, temporary: temporary, file: file, isReplacement: isThere))
      if let failure = write(record.bytes, to: file) {
        throw NodeHostError(failure, "\(directory.path)/\(temporary)")
      }
    } catch {
      failures[client] = error
    }
  }

  mutating func commit() {
    for writing in writings where failures[writing.client] == nil { lfs_begin_writing(writing.file) }
    for writing in writings where !writing.isReplacement { rename(writing) }
    for writing in writings where writing.isReplacement {
      flush(writing)
      rename(writing)
    }
    directory.unlock()
    for writing in writings where !writing.isReplacement { flush(writing) }
    for writing in writings where failures[writing.client] != nil { directory.remove(writing.temporary) }
    guard !writings.isEmpty else { return }
    do {
      try directory.sync()
    } catch {
      for writing in writings where failures[writing.client] == nil { failures[writing.client] = error }
    }
  }

  private mutating func rename(_ writing: Writing) {
    guard failures[writing.client] == nil else { return }
    do {
      try directory.rename(writing.temporary, to: writing.client.text)
    } catch {
      failures[writing.client] = error
    }
  }

  private mutating func flush(_ writing: Writing) {
    guard failures[writing.client] == nil, fsync(writing.file) != 0 else { return }
    failures[writing.client] = NodeHostError(errno, "\(directory.path)/\(writing.client)")
  }

  private func read(_ client: ClientName) throws(NodeHostError) -> (record: MonitorRecord?, isThere: Bool) {
    do throws(SystemError) {
      guard let status = try directory.status(of: client.text) else { return (nil, false) }
      // What a crash left of a write: nothing that could be lost.
      if status.st_mode & S_IFMT == S_IFREG, status.st_size == 0 { return (nil, true) }
    } catch {
      throw NodeHostError(error.number, "\(directory.path)/\(client)")
    }
    switch RecordFile(client: client).read(in: directory) {
    case .read(let bytes, _): return (MonitorRecord(parsing: bytes), true)
    case .absent: return (nil, false)
    case .refused(let reason):
      throw NodeHostError(.conflict, "\(directory.path)/\(client): \(reason); move it away")
    }
  }

  private func create(_ name: String) throws(NodeHostError) -> Int32 {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    var file = openat(directory.descriptor.number, name, flags, mode_t(0o600))
    if file < 0, errno == EEXIST {
      // Of an earlier failure.
      directory.remove(name)
      file = openat(directory.descriptor.number, name, flags, mode_t(0o600))
    }
    guard file >= 0 else { throw NodeHostError(errno, "\(directory.path)/\(name)") }
    if let owner, fchown(file, owner.user, owner.group) != 0 {
      let failure = errno
      close(file)
      directory.remove(name)
      throw NodeHostError(failure, "can't give \(directory.path)/\(name) to user \(owner.user)")
    }
    return file
  }

  private func write(_ bytes: [UInt8], to file: Int32) -> Int32? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      rest = rest.dropFirst(count)
    }
    return nil
  }
}
