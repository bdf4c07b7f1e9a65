import Sidecar

/// `migrate --force` without `--fence-confirmed`.
enum FenceConfirmation {
  /// Asks a person to type the old owner's name. True once it was typed; false where there is no owner to be off.
  static func ask(service: String, _ connection: DaemonConnection) async throws -> Bool {
    guard Terminal.canAsk else {
      throw CommandFailure(
        .unsafe,
        "--force takes service \(service) from an owner that may still serve it; make sure that the old owner is off,"
          + " then say --fence-confirmed, or run this on a terminal to be asked")
    }
    let status: NodeStatus = try await connection.get("/v1/status")
    guard let found = status.services.first(where: { $0.service == service }) else {
      throw CommandFailure(.noSuchObject, "node \(status.node) knows no service \(service)")
    }
    guard let owner = found.owner else { return false }
    let beat = status.peers.first { $0.node == owner }?.beat
    let seen = beat.map { "; from here its beat is \($0)" } ?? ""
    let typed = Terminal.ask(
      Terminal.printable(
        "Node \(owner) owns service \(service)\(seen). If it still serves, both will, and what the locks protect is"
          + " lost. Once it is off, type its name:"))
    guard typed == owner else {
      throw CommandFailure(.unsafe, "not confirmed: service \(service) stays with node \(owner)")
    }
    return true
  }
}
