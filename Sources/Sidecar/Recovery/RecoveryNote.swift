import Cluster
import Foundation
import Glibc
import NodeHost
import StatusMonitor

/// What a daemon that starts again has to know to go on with the ledger of a recovery: a file that is written once, and
/// one to which a line is added for each client that is back.
///
/// It has to outlive the daemon, not the machine: after a boot the recovery begins anew, or has moved on.
struct RecoveryNote: Codable, Sendable, Equatable {
  var epoch: UInt64
  /// What the clients are told.
  var number: StateNumber
  var boot: String
  /// When the recovery began.
  var startedAt: WallMark
  /// By when a grace period that nobody sees is over, milliseconds of the boot clock.
  var graceEnds: Int
  /// The kernel said that it runs.
  var sawGrace: Bool
  /// The clients' records, as the store had them.
  var records: [String: Data]
  /// The status directory's, before anybody was told.
  var present: [String: Data]

  /// Where both files lie.
  struct Place: Sendable {
    /// Without an ending.
    let path: String

    init(_ service: ServiceName, stateDirectory: String) {
      path = "\(stateDirectory)/recovery/\(service)"
    }

    private var notePath: String { path + ".json" }
    private var registeredPath: String { path + ".registered" }

    func write(_ note: RecoveryNote) throws {
      let folder = (path as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try DurableFile.write(try StoreJSON.bytes(note), to: notePath, mode: 0o600)
    }

    /// Nil where there is none of this epoch and boot.
    func read(epoch: UInt64, boot: String) -> (note: RecoveryNote, registered: [ClientName: BootInstant])? {
      guard let data = FileManager.default.contents(atPath: notePath),
        let note = StoreJSON.value(RecoveryNote.self, Array(data)), note.epoch == epoch, note.boot == boot
      else { return nil }
      var registered: [ClientName: BootInstant] = [:]
      let text = FileManager.default.contents(atPath: registeredPath) ?? Data()
      for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
        let fields = line.split(separator: "\t")
        guard fields.count == 2, let client = try? ClientName(String(fields[0])), let moment = Int(fields[1])
        else { continue }
        registered[client] = BootInstant(sinceBoot: .milliseconds(moment))
      }
      return (note, registered)
    }

    /// Adds who is back.
    func append(_ registered: [ClientName: BootInstant]) throws {
      let text = registered.map { "\n\($0.key)\t\($0.value.sinceBoot.wholeMilliseconds)" }.joined()
      if !FileManager.default.fileExists(atPath: registeredPath) {
        try Data().write(to: URL(fileURLWithPath: registeredPath))
      }
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: registeredPath))
      defer { try? file.close() }
      try file.seekToEnd()
      try file.write(contentsOf: Data((text + "\n").utf8))
    }

    func remove() {
      unlink(notePath)
      unlink(registeredPath)
    }
  }
}

extension [ClientName: [UInt8]] {
  /// As a note keeps them.
  var noted: [String: Data] {
    [String: Data](uniqueKeysWithValues: map { ($0.key.text, Data($0.value)) })
  }

  /// What a note has kept.
  init(noted: [String: Data]) {
    self.init()
    for (name, data) in noted {
      guard let client = try? ClientName(name) else { continue }
      self[client] = Array(data)
    }
  }
}
