import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// The steps that bring a service here.
extension PlanRunner {
  /// Every former owner that did not release the service is confirmed to be off, by the command or, where that is
  /// dead with its node, by an operator's forced request. The owner key forgets them with the step's journal, so
  /// that nobody is fenced twice.
  func fence(_ writes: inout [StoreTransaction.Write]) async throws -> String {
    guard case .command(let fence) = service.fence else { return "fence: none" }
    guard let owner = await context.ownerBytes(service.name, epoch), var ownership = Ownership(bytes: owner)
    else { throw PlanError("this node does not hold epoch \(epoch) of \(service.name) now") }
    let names = ownership.unfenced.map(\.text)
    guard !names.isEmpty else { return "confirmed before" }
    var told: [String] = []
    for name in names {
      if let request = try await confirmedRequest() {
        told.append("\(name) is off by the word of \(request.actor)")
        continue
      }
      try await command(fence, "fence", ["LOCKFERRY_FORMER_OWNER": name])
      told.append("\(fence.arguments.joined(separator: " ")) confirmed that \(name) is off")
    }
    ownership.unfenced = []
    writes.append(.init(try ClusterKeys.owner(service.name), ownership.bytes))
    return told.joined(separator: "; ")
  }

  private func confirmedRequest() async throws -> ServiceRequest? {
    let bytes = try await context.store.read(try ClusterKeys.requests(service.name), within: context.limit)
    guard let request = bytes.flatMap(RequestQueue.init(bytes:))?.first, request.isForced,
      request.fenceConfirmed, request.action == .migrate(to: context.node)
    else { return nil }
    return request
  }

  func attachStorage() async throws -> String {
    guard let attach = service.attachStorage else { return "nothing to attach" }
    try await command(attach, "storage")
    return attach.arguments.joined(separator: " ")
  }

  /// The records of the service join what this node's own clients have left in the live directory, so that a
  /// crash of this node from now on tells both.
  func installRecords() async throws -> String {
    try await rememberOwnClients()
    let records = try await storedRecords()
    let directory = context.directory
    let (installed, left) = try await OwnThread.run("lf-install-sm") { try directory.adopt(records) }
    try Task.checkCancellation()
    await context.mirror.begin(service.name, epoch: epoch, planIsRunning: true)
    let rest =
      left.isEmpty
      ? ""
      : "; not installed, though in the store and told: \(left.sorted().prefix(10).joined(separator: ", "))"
    return "\(records.count) records, of which \(installed) were new here, in \(directory.records)\(rest)"
  }

  /// The next odd number above everything that a client of the service or of this node may have seen, durable
  /// in the store before anybody is told.
  func chooseStateNumber(_ journal: inout PlanJournal) async throws -> String {
    let directory = context.directory
    let next = try await ServiceStateNumber.next(
      service.name, directory: directory, store: context.store, limit: context.limit)
    try await write([next.write], comparing: [next.comparison])
    let number = next.number
    // After a reboot of this node its own statd must not fall back to a number that clients have seen.
    try await OwnThread.run("lf-state") { try directory.raiseState(to: number) }
    journal.stateNumber = Int(number.value)
    return "clients will be told \(number)" + (next.last.map { ", the last was \($0)" } ?? "")
  }

  func verify() async throws -> String {
    var shown: [String] = []
    if let addresses = try service.addressLinks(in: context.namespace) {
      shown.append(try await verify(addresses))
    }
    if plan.kind == .adoption {
      // A restarting server may have emptied sm/ since (Linux 6.4 and later): the store has the records, and
      // what counts is that it still has them.
      shown.append("\(try await storedRecords().count) records in the store")
    }
    if let server = context.ownServer {
      shown.append(try await verifyOwnServer(server))
      return shown.joined(separator: "; ")
    }
    if service.usesGanesha {
      let facts = try await GaneshaFacts.read(context.directory)
      if let problem = facts.problem ?? facts.lockManagerProblem { throw PlanError(problem) }
      shown.append("NFS-Ganesha and its lock manager answer")
      return shown.joined(separator: "; ")
    }
    let facts = try await OwnThread.run("lf-nfsd") { NFSServerFacts.read() }
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
