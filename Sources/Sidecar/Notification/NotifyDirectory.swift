import Foundation
import NodeHost
import StatusMonitor

/// A service's own state directory for `sm-notify -P`, with a note of the epoch that it was made for: after a
/// crash the same epoch goes on where it was, and another begins anew.
struct NotifyDirectory: Sendable {
  let path: String

  /// Beside the directory, which belongs to the statd user.
  private var note: String { path + ".epoch" }

  /// Fills the directory, unless it was filled for this epoch and number before.
  func prepare(
    epoch: UInt64, number: StateNumber, records: [ClientName: [UInt8]], like live: StatusDirectory
  ) throws -> StatusDirectory {
    let text = "\(epoch) \(number)\n"
    if let directory = interrupted(epoch: epoch), noted == text { return directory }
    try removeIfPresent(note)
    // sm-notify gives up root and must be able to pass.
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o711])
    let directory = try StatusDirectory.makePrivate(at: path, like: live)
    for folder in [StatusDirectory.Folder.records, .retired] {
      for client in try directory.clients(in: folder) {
        try removeIfPresent(
          "\(folder == .records ? directory.records : directory.retired)/\(client)")
      }
    }
    try removeIfPresent(directory.stateFile)
    try directory.raiseState(to: number)
    try directory.installAll(records)
    try DurableFile.write(Array(text.utf8), to: note, mode: 0o600)
    return directory
  }

  /// The directory as a run of `epoch` left it; nil where no such run was begun.
  func interrupted(epoch: UInt64) -> StatusDirectory? {
    guard let noted, noted.split(separator: " ").first.flatMap({ UInt64($0) }) == epoch else { return nil }
    return StatusDirectory(path: path)
  }

  private var noted: String? {
    FileManager.default.contents(atPath: note).flatMap { String(validating: $0, as: UTF8.self) }
  }

  private func removeIfPresent(_ file: String) throws {
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch CocoaError.fileNoSuchFile {
      return
    }
  }
}
