import Cluster
import Foundation
import NodeHost

/// Remembers on this machine, until its next boot, which services were given up and not taken up again: a daemon
/// that starts later must not take them for running. Lies in the run directory, which a reboot empties.
struct WithdrawalMarks: Sendable {
  let runDirectory: String

  /// Written before anything is withdrawn.
  func put(_ service: ServiceName) throws {
    try DurableFile.write(
      Array("\(service) was given up and not taken up again\n".utf8), to: path(service), mode: 0o600)
  }

  /// Taken away when the service is online again here, or another's.
  func remove(_ service: ServiceName) {
    unlink(path(service))
  }

  /// Those of `services` that are marked.
  func marked(_ services: [ServiceName]) -> Set<ServiceName> {
    Set(services.filter { FileManager.default.fileExists(atPath: path($0)) })
  }

  private func path(_ service: ServiceName) -> String { "\(runDirectory)/\(service).given-up" }
}
