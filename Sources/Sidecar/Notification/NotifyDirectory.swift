import Cluster
import Foundation
import NodeHost
import StatusMonitor

/// A service's own status directories for telling its clients, one for each attempt, and a note of the attempt that
/// counts: after a crash it goes on where it was.
///
/// A new attempt gets a directory of its own, which is complete before the note names it. Until then the old attempt
/// stands, and what its end may still remove is not the new one's.
struct NotifyDirectory: Sendable {
  /// An attempt, as the note has it.
  struct Note: Codable, Sendable, Equatable {
    var epoch: UInt64
    var number: StateNumber
    /// The boot of this machine, and milliseconds of its boot clock at the beginning.
    var boot: String
    var startedAt: Int
    /// What was left of the grace period then, in milliseconds; nil where that was not known.
    var graceLeft: Int?
    /// How long clients were to be told, in milliseconds.
    var retry: Int
  }

  let path: String

  /// Beside the directories, which belong to the statd user.
  private var notePath: String { path + ".attempt" }

  /// The directory of the attempt, filled unless it was filled for this epoch and number in this boot before: then
  /// with the note that was made of it.
  func prepare(
    _ note: Note, records: [ClientName: [UInt8]], like live: StatusDirectory
  ) throws -> (note: Note, directory: StatusDirectory) {
    if let noted = interrupted(epoch: note.epoch, boot: note.boot), noted.note.number == note.number {
      return noted
    }
    // sm-notify gives up root and must be able to pass.
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
    let directory = directory(of: note)
    try removeIfPresent(directory.path)
    _ = try StatusDirectory.makePrivate(at: directory.path, like: live)
    try directory.raiseState(to: note.number)
    try directory.installAll(records)
    try AttemptLedger(in: directory).begin(records.keys)
    try DurableFile.write(try StoreJSON.bytes(note), to: notePath, mode: 0o600)
    for other in try FileManager.default.contentsOfDirectory(atPath: path)
    where "\(path)/\(other)" != directory.path { try removeIfPresent("\(path)/\(other)") }
    return (note, directory)
  }

  /// The attempt of `epoch` that was begun last, and its directory as it was left; nil where there was none, or
  /// before this boot.
  func interrupted(epoch: UInt64, boot: String) -> (note: Note, directory: StatusDirectory)? {
    guard let noted, noted.epoch == epoch, noted.boot == boot else { return nil }
    return (noted, directory(of: noted))
  }

  private func directory(of note: Note) -> StatusDirectory {
    StatusDirectory(path: "\(path)/\(note.epoch)-\(note.number)")
  }

  private var noted: Note? {
    FileManager.default.contents(atPath: notePath).flatMap { StoreJSON.value(Note.self, Array($0)) }
  }

  private func removeIfPresent(_ file: String) throws {
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch CocoaError.fileNoSuchFile {
      return
    }
  }
}
