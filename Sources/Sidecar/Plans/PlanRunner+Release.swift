import Cluster
import NodeHost
import SharedStore

/// The steps by which a service leaves here.
extension PlanRunner {
  func releaseAddress() async throws -> String {
    try await service.releaseAddress(in: context.namespace) { try await command($0, "address") }
  }

  func finishMirror() async throws -> String {
    // The address is away meanwhile: a store that takes no record must not keep the service from its clients.
    await context.mirror.flush(service.name, within: max(context.limit * 5, Self.mirrorLimit))
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
    var done: [String] = []
    if let withdrawal = service.serverWithdrawal {
      try await command(withdrawal, "withdraw")
      done.append(withdrawal.arguments.joined(separator: " "))
    }
    if !service.storageMounts.isEmpty { done.append(try await dropLocks()) }
    return done.isEmpty ? "nothing to run" : done.joined(separator: "; ")
  }

  /// Has the lock manager let go of the service's file systems, which can't be unmounted as long as it holds locks there;
  /// and were they to stay, a service that comes back would find its clients' locks held by nobody. Who held them is
  /// in the inventory, and the records are in the store.
  private func dropLocks() async throws -> String {
    let mounts = service.storageMounts
    let (dropped, left) = try await OwnThread.run("lf-unlock") { () throws -> ([String], Int?) in
      let table = try MountTable.read()
      // What is detached already, by an earlier try, has no locks.
      let mounted = mounts.filter { table.device(at: $0) != nil }
      for mount in mounted where try !FileSystemLocks.drop(at: mount) { return ([], 0) }
      // Where the kernel does not show its locks, as to a container, what it was told has to do.
      return (mounted, mounted.isEmpty ? 0 : try? ServiceLocks(mounts: mounted).held().count)
    }
    guard (left ?? 0) == 0 else {
      throw PlanError(
        "the lock manager still holds \(left ?? 0) locks on \(dropped.joined(separator: " and ")), though it was told to drop them"
      )
    }
    guard !dropped.isEmpty else { return "no locks to drop" }
    let places = dropped.joined(separator: " and ")
    return left == nil ? "locks on \(places) dropped, unseen" : "no lock is held on \(places) any more"
  }

  /// How long the last records may take to reach the store, at least.
  private static let mirrorLimit = Duration.seconds(10)

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
