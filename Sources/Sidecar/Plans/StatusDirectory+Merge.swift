import Glibc
import NodeHost
import StatusMonitor

extension StatusDirectory {
  /// What an adopted record means for the live directory.
  enum Merge {
    /// This is to be installed.
    case install(Replacement)
    /// The live file has all of it.
    case isThere
    /// One record must not keep the others from being adopted: it is left out, and said.
    case cannot(String)
  }

  /// How often a record is merged again because this node's status monitor has written it meanwhile.
  private static let mergeAttempts = 20

  /// Has adopted records join what this node's own status monitor wrote, which goes on writing.
  ///
  /// - Returns: how many files changed, and which records could not be installed, with the reason.
  /// - Throws: where the directory can't be written, or one record changes all the time.
  func adopt(_ records: [ClientName: [UInt8]]) throws -> (installed: Int, left: [String]) {
    var (waiting, installed, left) = (records, 0, [String]())
    for _ in 0..<Self.mergeAttempts {
      var replacements: [ClientName: Replacement] = [:]
      for (client, bytes) in waiting {
        switch try merge(bytes, for: client) {
        case .install(let replacement): replacements[client] = replacement
        case .isThere: break
        case .cannot(let reason): left.append("\(client) (\(reason))")
        }
      }
      let overtaken = try replaceAll(replacements)
      installed += replacements.count - overtaken.count
      waiting = waiting.filter { overtaken.contains($0.key) }
      if waiting.isEmpty { return (installed, left) }
    }
    throw NodeHostError(
      .conflict,
      "\(self.records): \(waiting.keys.sorted().prefix(3).map(\.text).joined(separator: ", ")) changed "
        + "\(Self.mergeAttempts) times while lockferry was merging")
  }

  /// An adopted record joins the lines that this node's own statd wrote. A file that is empty is no record: a
  /// crash between its creation and its first line leaves such a one (nfs-utils, nsm_insert_monitored_host).
  func merge(_ adopted: [UInt8], for client: ClientName) throws -> Merge {
    guard !adopted.isEmpty, adopted.count <= MonitorRecord.maximumBytes else {
      return .cannot("\(adopted.count) bytes in the store are no record")
    }
    switch try read(client) {
    case .absent:
      return .install(Replacement(adopted, for: nil))
    case .record(let live):
      let merged = MonitorRecord(parsing: live).merged(with: MonitorRecord(parsing: adopted)).bytes
      if merged == live { return .isThere }
      return merged.count <= MonitorRecord.maximumBytes
        ? .install(Replacement(merged, for: live)) : .isThere
    case .refused(let reason):
      return isEmptyFile(client) ? .install(Replacement(adopted, for: [])) : .cannot(reason)
    }
  }

  private func isEmptyFile(_ client: ClientName) -> Bool {
    var status = stat()
    return lstat("\(records)/\(client)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && status.st_size == 0
  }
}
