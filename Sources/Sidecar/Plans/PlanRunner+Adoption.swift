import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// The steps that bring a service here.
extension PlanRunner {
  func fence() async throws -> String {
    guard case .command(let fence) = service.fence else { return "fence: none" }
    try await command(fence, "fence")
    return "\(fence.arguments.joined(separator: " ")) confirmed that \(plan.from ?? "the old owner") is off"
  }

  func attachStorage() async throws -> String {
    guard let attach = service.attachStorage else { return "nothing to attach" }
    try await command(attach, "storage")
    return attach.arguments.joined(separator: " ")
  }

  /// The records of the service join what this node's own clients have left in the live directory, so that a
  /// crash of this node from now on tells both.
  func installRecords() async throws -> String {
    let records = try await storedRecords()
    let directory = context.directory
    let installed = try await OwnThread.run("lf-install-sm") {
      var changed: [ClientName: [UInt8]] = [:]
      for (client, bytes) in records {
        let merged: [UInt8]
        switch try directory.read(client) {
        case .record(let live) where !live.isEmpty:
          merged = MonitorRecord(parsing: live).merged(with: MonitorRecord(parsing: bytes)).bytes
          if merged == live { continue }
        case .record, .absent:
          merged = bytes
        case .refused(let reason):
          throw PlanError("\(directory.records)/\(client): \(reason); move it away")
        }
        changed[client] = merged
      }
      try directory.installAll(changed)
      return changed.count
    }
    await context.mirror.begin(service.name, epoch: epoch, planIsRunning: true)
    return "\(records.count) records, of which \(installed) were new here, in \(directory.records)"
  }

  /// The next odd number above everything that a client of the service or of this node may have seen, durable
  /// in the store before anybody is told.
  func chooseStateNumber(_ journal: inout PlanJournal) async throws -> String {
    let (stored, bytes) = try await ServiceStateNumber.read(
      service.name, store: context.store, limit: context.limit)
    let directory = context.directory
    var seen: [StateNumber] = stored.map { [$0] } ?? []
    switch try await OwnThread.run("lf-state", { try directory.stateNumber() }) {
    case .number(let local): seen.append(local)
    case .absent, .unreadable: break
    }
    guard let number = StateNumber.next(above: seen) else {
      throw PlanError(
        "no state number is left above \(seen.map(\.description).joined(separator: ", ")): NSM's 31 bits are used up; "
          + "mend services/\(service.name)/state in the store and \(directory.path)/state by hand")
    }
    try await write(
      [.init(try ClusterKeys.state(service.name), ServiceStateNumber.bytes(number))],
      comparing: [.init(try ClusterKeys.state(service.name), equals: bytes)])
    // After a reboot of this node its own statd must not fall back to a number that clients have seen.
    try await OwnThread.run("lf-state") { try directory.raiseState(to: number) }
    journal.stateNumber = Int(number.value)
    return "clients will be told \(number)" + (stored.map { ", the last was \($0)" } ?? "")
  }

  /// The first opening: whoever holds locks here already must not lose them to a restart.
  func openServer() async throws -> String {
    let directory = context.directory
    let scan = try? await OwnThread.run("lf-scan-sm") { try directory.scan(previous: nil) }
    if let held = scan?.records.count, held > 0 {
      return "left alone: \(held) clients may hold locks here; exports are taken as they are"
    }
    return try await recoverServer()
  }

  func recoverServer() async throws -> String {
    guard let recovery = service.serverRecovery else { return "nothing to run" }
    try await command(
      recovery, "server", ["LOCKFERRY_STATE_NUMBER": journal.stateNumber.map(String.init) ?? ""])
    let facts = NFSServerFacts.read()
    if plan.kind == .adoption, facts.isServing, facts.graceEnded == true {
      throw PlanError(
        "\(recovery.arguments.joined(separator: " ")) succeeded, but lockd has no grace period running "
          + "(/proc/fs/lockd/nlm_end_grace says Y): reclaims would be refused. An NFSv3 mount on this node keeps lockd "
          + "up across a restart; see docs/failure-model.md")
    }
    let grace =
      facts.graceEnded.map { $0 ? "" : "; its grace period runs" } ?? "; no kernel lock manager to ask"
    return recovery.arguments.joined(separator: " ") + grace
  }

  func takeAddress() async throws -> String {
    switch service.address {
    case .interface(let address, let prefixLength, let interface):
      let link = try ServiceAddressLink(address: address, prefixLength: prefixLength, interface: interface)
      try await link.take()
      try await link.announce(rounds: 1)
      // A switch or neighbour may lose the first: the others go out while clients are already being told.
      let log = context.log
      context.jobs.start {
        do {
          try? await Task.sleep(for: .milliseconds(100))
          try await link.announce(rounds: 2)
        } catch {
          log.warning("an announcement was not repeated", metadata: ["error": "\(error)"])
        }
      }
      return "\(address)/\(prefixLength) on \(interface), announced"
    case .command(let address, let take, _):
      try await command(take, "address")
      return "\(address) by \(take.arguments.joined(separator: " "))"
    case nil:
      return "no address"
    }
  }

  func verify() async throws -> String {
    var shown: [String] = []
    if case .interface(let address, let prefixLength, let interface) = service.address {
      let link = try ServiceAddressLink(address: address, prefixLength: prefixLength, interface: interface)
      guard try await link.isPresent() else {
        throw PlanError("\(address) is not on \(interface) any more; who took it away?")
      }
      shown.append("\(address) is on \(interface)")
    }
    if plan.kind == .adoption {
      // A restarting server may have emptied sm/ since (Linux 6.4 and later): the store has the records, and
      // what counts is that it still has them.
      shown.append("\(try await storedRecords().count) records in the store")
    }
    let facts = NFSServerFacts.read()
    shown.append(
      facts.hasKernelServer
        ? "kernel NFS server with \(facts.threads ?? 0) threads" : "no kernel NFS server on this node")
    return shown.joined(separator: "; ")
  }

  func storedRecords() async throws -> [ClientName: [UInt8]] {
    let values = try await context.store.list(
      below: try ClusterKeys.records(service.name), within: max(context.limit, .seconds(10)))
    var records: [ClientName: [UInt8]] = [:]
    for (key, bytes) in values {
      guard let name = key.components.last, let client = try? ClientName(name) else { continue }
      records[client] = bytes
    }
    return records
  }
}
