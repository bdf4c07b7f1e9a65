import Cluster
import NodeHost

/// The steps by which a service leaves here.
extension PlanRunner {
  func releaseAddress() async throws -> String {
    try await service.releaseAddress { try await command($0, "address") }
  }

  func finishMirror() async throws -> String {
    await context.mirror.flush(service.name)
    try Task.checkCancellation()
    guard let status = await context.mirror.status(service.name) else {
      throw PlanError("the mirror of \(service.name) is not running on this node")
    }
    guard status.recordsMirrored == status.recordsSeen else {
      throw PlanError(
        "\(status.recordsSeen - status.recordsMirrored) records are not in the store yet: \(status.problem ?? "waiting")"
      )
    }
    return "\(status.recordsMirrored) records are in the store"
  }

  func withdrawServer() async throws -> String {
    guard let withdrawal = service.serverWithdrawal else { return "nothing to run" }
    try await command(withdrawal, "withdraw")
    return withdrawal.arguments.joined(separator: " ")
  }

  func detachStorage() async throws -> String {
    guard let detach = service.detachStorage else { return "nothing to detach" }
    try await command(detach, "detach")
    return detach.arguments.joined(separator: " ")
  }
}

extension ServiceConfiguration {
  /// Takes the address away from this node, and makes sure that it is gone.
  func releaseAddress(_ run: (CommandConfiguration) async throws -> Void) async throws -> String {
    switch address {
    case .interface(let address, let prefixLength, let interface):
      let link = try ServiceAddressLink(address: address, prefixLength: prefixLength, interface: interface)
      try await link.release()
      return "\(address) is gone from \(interface)"
    case .command(let address, _, let release):
      try await run(release)
      return "\(address) by \(release.arguments.joined(separator: " "))"
    case nil:
      return "no address"
    }
  }
}
