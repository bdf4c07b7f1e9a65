import Cluster
import Foundation
import NodeHost

/// What a daemon that starts later has to know of this machine whatever the store says. Lies in the run directory, which
/// a reboot empties.
struct ServiceMarks: Sendable {
  enum Kind: String {
    /// It was given up and not taken up again: it must not be taken for running.
    case givenUp = "given-up"
    /// It was brought up here, and nobody has seen that it is gone.
    case broughtUp = "brought-up"
  }

  let runDirectory: String

  /// Written before anything that it stands for is done.
  func put(_ kind: Kind, _ service: ServiceName) throws {
    try DurableFile.write(
      Array("\(service): \(kind.rawValue)\n".utf8), to: path(kind, service), mode: 0o600)
  }

  /// Taken away when it holds no longer.
  func remove(_ kind: Kind, _ service: ServiceName) {
    unlink(path(kind, service))
  }

  /// Those of `services` that are marked.
  func marked(_ kind: Kind, _ services: [ServiceName]) -> Set<ServiceName> {
    Set(services.filter { FileManager.default.fileExists(atPath: path(kind, $0)) })
  }

  private func path(_ kind: Kind, _ service: ServiceName) -> String {
    "\(runDirectory)/\(service).\(kind.rawValue)"
  }
}
