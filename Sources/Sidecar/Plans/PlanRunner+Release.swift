import Cluster
import NodeHost
import SharedStore

/// The steps by which a service leaves here.
extension PlanRunner {
  func releaseAddress() async throws -> String {
    try await service.releaseAddress(in: context.namespace) { try await command($0, "address") }
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
    if service.isolation != nil { return try await stopOwnServer() }
    guard let withdrawal = service.serverWithdrawal else { return "nothing to run" }
    try await command(withdrawal, "withdraw")
    return withdrawal.arguments.joined(separator: " ")
  }

  func detachStorage() async throws -> String {
    guard let detach = service.detachStorage else { return "nothing to detach" }
    let disks = try await disksToDetach()
    try await command(detach, "detach")
    try await expectUnused(disks)
    return detach.arguments.joined(separator: " ")
  }

  /// Removes what the store knows of the clients, a handful at a time: there may be a million of them. Epoch, state
  /// number and history stay.
  func forgetClients() async throws -> String {
    let records = try await forget(below: try ClusterKeys.records(service.name))
    _ = try await forget(below: try ClusterKeys.restarts(service.name))
    try await write([
      .init(try ClusterKeys.notification(service.name), nil),
      .init(try ClusterKeys.inventory(service.name), nil),
    ])
    return "\(records) records are gone from the store"
  }

  private func forget(below prefix: StoreKey) async throws -> Int {
    let keys = try await context.store.list(below: prefix, within: max(context.limit, .seconds(10))).keys
      .sorted()
    for first in stride(from: 0, to: keys.count, by: Self.forgottenAtOnce) {
      try Task.checkCancellation()
      let some = keys[first..<min(first + Self.forgottenAtOnce, keys.count)]
      try await write(some.map { StoreTransaction.Write($0, nil) })
    }
    return keys.count
  }

  private static let forgottenAtOnce = 200
}

extension ServiceConfiguration {
  /// Takes the address away from this node, and makes sure that it is gone.
  func releaseAddress(
    in namespace: ServiceNamespace?, _ run: (CommandConfiguration) async throws -> Void
  ) async throws -> String {
    if let namespace {
      try await namespace.cutOff()
      return "gone with its link in \(namespace.name): \(addresses.joined(separator: " and "))"
    }
    if let addresses = try addressLinks(in: nil) {
      try await addresses.release()
      return "gone: \(addresses.text)"
    }
    switch address {
    case .command(let address, _, let release):
      try await run(release)
      return "\(address) by \(release.arguments.joined(separator: " "))"
    case .interface, nil:
      return "no address"
    }
  }
}
