import Foundation
import NodeHost

/// Remembers that this node has seen its store, so that a store that is away is never taken for a new one: an
/// empty folder under an unmounted file system would be a second store, and two stores are two owners.
struct StoreMemory: Sendable {
  let stateDirectory: String

  private var file: String { stateDirectory + "/store-seen" }

  /// The folder is not there at all, its parent is, and this node has never seen a store there.
  func mayCreate(_ path: String) throws -> Bool {
    let parent = (path as NSString).deletingLastPathComponent
    guard !FileManager.default.fileExists(atPath: path), FileManager.default.fileExists(atPath: parent)
    else { return false }
    return !remembered.contains(path)
  }

  /// From now on the store at `path` is known.
  func remember(_ path: String) throws {
    guard !remembered.contains(path) else { return }
    let text = (remembered + [path]).map { $0 + "\n" }.joined()
    try DurableFile.write(Array(text.utf8), to: file, mode: 0o600)
  }

  private var remembered: [String] {
    guard let bytes = FileManager.default.contents(atPath: file) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
