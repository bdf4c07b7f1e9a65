import Glibc
import NodeHost
import StatusMonitor

extension StatusDirectory {
  /// What an adopted record means for the live directory.
  enum Merge {
    /// These bytes are to be installed.
    case install([UInt8])
    /// The live file has all of it.
    case isThere
    /// One record must not keep the others from being adopted: it is left out, and said.
    case cannot(String)
  }

  /// An adopted record joins the lines that this node's own statd wrote. A file that is empty is no record: a
  /// crash between its creation and its first line leaves such a one (nfs-utils, nsm_insert_monitored_host).
  func merge(_ adopted: [UInt8], for client: ClientName) throws -> Merge {
    guard !adopted.isEmpty, adopted.count <= MonitorRecord.maximumBytes else {
      return .cannot("\(adopted.count) bytes in the store are no record")
    }
    switch try read(client) {
    case .absent:
      return .install(adopted)
    case .record(let live):
      let merged = MonitorRecord(parsing: live).merged(with: MonitorRecord(parsing: adopted)).bytes
      if merged == live { return .isThere }
      return merged.count <= MonitorRecord.maximumBytes ? .install(merged) : .isThere
    case .refused(let reason):
      return isEmptyFile(client) ? .install(adopted) : .cannot(reason)
    }
  }

  private func isEmptyFile(_ client: ClientName) -> Bool {
    var status = stat()
    return lstat("\(records)/\(client)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && status.st_size == 0
  }
}
