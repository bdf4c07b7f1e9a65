import Glibc
public import StatusMonitor

/// A record in `sm.bak/`: its client has not been told yet.
public struct RetiredRecord: Sendable, Equatable {
  /// The file's name.
  public let client: ClientName
  /// The file, byte for byte.
  public let bytes: [UInt8]
  /// When it last changed, in nanoseconds since 1970: about when the client took its first lock.
  public let modified: UInt64
}

extension StatusDirectory {
  /// Moves every record from `sm/` to `sm.bak/`, as sm-notify does before it tells anybody: a client that comes back
  /// while others are still being told gets a new record in `sm/`, which must not be taken for the old one.
  ///
  /// - Throws: ``NodeHostError`` where a folder can't be listed or written.
  public func retireAll() throws(NodeHostError) {
    let records = try open(.records)
    let retired = try open(.retired)
    let names = try records.names()
    for name in names {
      guard let client = try? ClientName(name), try isRecord(client, in: records) else { continue }
      guard renameat(records.descriptor.number, client.text, retired.descriptor.number, client.text) == 0
      else {
        throw NodeHostError(errno, "can't move \(self.records)/\(client) to \(self.retired)")
      }
    }
    // The new place first: a crash in between leaves a record in both, and not in neither.
    try retired.sync()
    try records.sync()
  }

  private func isRecord(_ client: ClientName, in directory: borrowing OpenDirectory) throws(NodeHostError)
    -> Bool
  {
    do throws(SystemError) {
      return try directory.status(of: client.text).map { $0.st_mode & S_IFMT == S_IFREG } ?? false
    } catch {
      throw NodeHostError(error.number, "\(records)/\(client)")
    }
  }

  /// Reads `sm.bak/`.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be listed.
  public func retiredRecords() throws(NodeHostError) -> (records: [RetiredRecord], refused: [RefusedFile]) {
    let directory = try open(.retired)
    var records: [RetiredRecord] = []
    var refused: [RefusedFile] = []
    for name in try directory.names() {
      let client: ClientName
      do {
        client = try ClientName(name)
      } catch {
        refused.append(RefusedFile(name: error.name, client: nil, reason: error.reason))
        continue
      }
      switch RecordFile(client: client).read(in: directory) {
      case .read(let bytes, _):
        let time = (try? directory.status(of: client.text))?.st_mtim
        records.append(
          RetiredRecord(
            client: client, bytes: bytes,
            modified: UInt64(max(time?.tv_sec ?? 0, 0)) * 1_000_000_000 + UInt64(max(time?.tv_nsec ?? 0, 0))))
      case .absent: break
      case .refused(let reason):
        refused.append(RefusedFile(name: client.text, client: client, reason: reason))
      }
    }
    return (records, refused)
  }

  /// Reads the records of these clients from `sm.bak/`, those that are there and can be read.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be opened; `absent` where there is none.
  public func retiredRecords(of clients: Set<ClientName>) throws(NodeHostError) -> [ClientName: [UInt8]] {
    let directory = try open(.retired)
    var records: [ClientName: [UInt8]] = [:]
    for client in clients {
      guard case .read(let bytes, _) = RecordFile(client: client).read(in: directory) else { continue }
      records[client] = bytes
    }
    return records
  }

  /// Removes records from `sm.bak/`: their clients have been told.
  ///
  /// Not flushed: after a crash some may be told again, with a number that they ignore then.
  ///
  /// - Returns: the records that can't be removed; they keep no other.
  /// - Throws: ``NodeHostError`` where the folder can't be opened.
  public func forget(_ clients: [ClientName]) throws(NodeHostError) -> [RefusedFile] {
    let directory = try open(.retired)
    return clients.compactMap { client in
      guard unlinkat(directory.descriptor.number, client.text, 0) != 0, errno != ENOENT else { return nil }
      return RefusedFile(name: client.text, client: client, reason: systemErrorText(errno))
    }
  }
}
