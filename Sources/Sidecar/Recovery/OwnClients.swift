import Cluster
import Foundation
import NodeHost
import StatusMonitor

/// The clients of this node's own NFS server, which an adoption restarts.
///
/// With the restart go all locks that lockd held, those of clients that have nothing to do with the adopted service
/// among them. Only the grace period that the adoption begins lets them come back, and only a notification by a name
/// under which those clients know this node makes them ask (RFC 1813 section 4; NSM specification, X/Open XNFS chapter
/// 11). Who they are must be known before: from Linux 6.4 on, a stopping nfsd empties `sm/`.
struct OwnClients: Sendable {
  /// What was remembered for one adoption, durable until the next adoption of the service.
  struct Memory: Codable, Sendable, Equatable {
    var epoch: UInt64
    /// The service's records when the adoption began to merge them.
    var adopted: [String: Data]
    /// This node's own.
    var own: [String: Data]
    /// The most locks that this node's lock manager held before the restart; nil where that could not be known.
    var locks: Int?
    /// The last number that they were told, or were about to be.
    var told: Int32?

    /// Takes over who is in the live directory.
    ///
    /// - Parameter isMerged: the adopted lines are there because this adoption has merged them, and for no other reason:
    ///   whoever has no others is no client of this node's own. Before that, or where another service may have brought
    ///   them, the same line says nothing: while the service was here at an earlier time this node's own clients were
    ///   mirrored with it.
    mutating func note(live: [ClientName: [UInt8]], isMerged: Bool) {
      for (client, bytes) in live {
        let merged = isMerged ? adopted[client.text] : nil
        let known = Set(MonitorRecord(parsing: Array(merged ?? Data())).lines.map(\.text))
        let lines = MonitorRecord(parsing: bytes).lines.filter { !known.contains($0.text) }
        guard !lines.isEmpty else { continue }
        let record = MonitorRecord(parsing: Array(own[client.text] ?? Data()))
        let new = MonitorRecord(parsing: lines.flatMap { $0.text + [UInt8(ascii: "\n")] })
        own[client.text] = Data(record.merged(with: new).bytes)
      }
    }

    /// Another count of the locks, which never makes the first smaller: a step that runs again after the restart finds
    /// none any more.
    mutating func note(locks count: Int?) {
      locks = locks.flatMap { before in count.map { max(before, $0) } }
    }

    /// As the notification wants them.
    var records: [ClientName: [UInt8]] {
      var records: [ClientName: [UInt8]] = [:]
      for (name, bytes) in own {
        guard let client = try? ClientName(name) else { continue }
        records[client] = Array(bytes)
      }
      return records
    }
  }

  /// Tells them, from directories of their own.
  let notifications: NotificationBoard
  /// Where the memories lie.
  let folder: String
  /// The names under which clients know this node.
  let names: [String]
  let live: StatusDirectory

  /// Remembers who they are, now and, where it is called again for the same epoch, who has come since.
  ///
  /// - Parameters:
  ///   - isAlone: this node's NFS server serves no other service, nor is one on its way to it.
  ///   - adopted: the service's records, asked for at the first call of an epoch alone: soon after, the mirror carries
  ///     this node's own to the store as well.
  func remember(
    _ service: ServiceName, epoch: UInt64, isAlone: Bool,
    adopted: @Sendable () async throws -> [ClientName: [UInt8]]
  ) async throws {
    let locks = try await OwnThread.run("lf-own-clients") { ServiceLocks.countOfAll() }
    var memory: Memory
    let isMerged: Bool
    if let known = try await read(service), known.epoch == epoch {
      memory = known
      memory.note(locks: locks)
      isMerged = isAlone
    } else {
      isMerged = false
      let adopted = try await adopted().map { ($0.key.text, Data($0.value)) }
      memory = Memory(
        epoch: epoch, adopted: Dictionary(adopted) { first, _ in first }, own: [:], locks: locks)
    }
    let (live, before) = (live, memory)
    let after = try await OwnThread.run("lf-own-clients") {
      var after = before
      after.note(live: try live.scan().records, isMerged: isMerged)
      return after
    }
    try await write(after, service)
  }

  /// Whether clients were told of a restart that this adoption has made before. A daemon that was killed, or a store that
  /// failed, after that has the step run again, and a number that a client knows is no news to it.
  func wereTold(_ service: ServiceName, epoch: UInt64) async throws -> Bool {
    guard let memory = try await read(service), memory.epoch == epoch else { return false }
    return memory.told != nil
  }

  /// This node's own clients that were none of the adopted service.
  func strangers(to service: ServiceName, epoch: UInt64) async throws -> Set<ClientName> {
    guard let memory = try await read(service), memory.epoch == epoch else { return [] }
    return Set(memory.records.keys.filter { memory.adopted[$0.text] == nil })
  }

  /// The most locks that this node's lock manager held before the restart; nil where that is not known.
  func locksBefore(_ service: ServiceName, epoch: UInt64) async throws -> Int? {
    guard let memory = try await read(service), memory.epoch == epoch else { return nil }
    return memory.locks
  }

  /// Whoever is in the live directory, or was before the restart, and is no client of the service.
  func others(than service: ServiceName, epoch: UInt64) async throws -> [String] {
    guard let memory = try await read(service), memory.epoch == epoch else {
      throw PlanError("who was a client of this node before \(service) came is not known any more")
    }
    let live = live
    let now = try await OwnThread.run("lf-own-clients") { try live.scan().records.keys.map(\.text) }
    return Set(now).union(memory.own.keys).filter { memory.adopted[$0] == nil }.sorted()
  }

  /// Tells those who were remembered, under this node's names and those of `others`, services that it serves as well.
  ///
  /// - Returns: how many there are and how many have answered by the end of `patience`; nil where there is nobody.
  func tell(
    _ assignment: NotificationAssignment, others: [String], patience: Duration
  ) async throws -> (all: Int, told: Int)? {
    guard var memory = try await read(assignment.service), memory.epoch == assignment.epoch else {
      return nil
    }
    let records = memory.records
    guard !records.isEmpty else { return nil }
    if memory.told != assignment.number.value {
      memory.told = assignment.number.value
      try await write(memory, assignment.service)
    }
    return try await notifications.tell(own(assignment, others), records, patience: patience)
  }

  /// Tells those who were remembered for the last adoptions of `services` that an earlier daemon began here, whatever the
  /// store says by now. One number for all: most are in the memory of each.
  ///
  /// - Returns: what they are told, and how many they are; nil where there is nobody.
  func tellRemembered(
    _ services: [ServiceConfiguration], gracePeriod: Duration
  ) async throws -> (number: StateNumber, all: Int)? {
    var memories: [(service: ServiceConfiguration, memory: Memory)] = []
    for service in services {
      guard let memory = try await read(service.name), !memory.records.isEmpty else { continue }
      memories.append((service, memory))
    }
    guard !memories.isEmpty else { return nil }
    var seen = memories.compactMap { $0.memory.told.flatMap(StateNumber.init) }
    let live = live
    if case .number(let local) = try await OwnThread.run("lf-state", { try live.stateNumber() }) {
      seen.append(local)
    }
    guard let number = NotificationAttempt.new(above: seen).number else {
      throw PlanError("no state number is left above \(seen.map(\.description).joined(separator: ", "))")
    }
    try await OwnThread.run("lf-state") { try live.raiseState(to: number) }
    var problem: (any Error)?
    for (service, memory) in memories {
      let assignment = NotificationAssignment(
        service: service.name, epoch: memory.epoch, number: number, teller: .builtIn, names: [],
        addresses: [], retry: service.notification.retry, graceLeft: nil, gracePeriod: gracePeriod)
      do {
        _ = try await tell(assignment, others: [], patience: .zero)
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return (number, Set(memories.flatMap { $0.memory.own.keys }).count)
  }

  /// Goes on where a daemon that has ended was telling them.
  func goOn(
    _ assignment: NotificationAssignment, others: [String]
  ) async throws -> (left: Int, number: StateNumber)? {
    try await notifications.goOn(own(assignment, others))
  }

  /// From whatever address leads to the client.
  private func own(_ assignment: NotificationAssignment, _ others: [String]) -> NotificationAssignment {
    var own = assignment
    own.names = names + others
    own.addresses = []
    own.teller = .builtIn
    return own
  }

  private func read(_ service: ServiceName) async throws -> Memory? {
    let path = path(service)
    return try await OwnThread.run("lf-own-clients") {
      FileManager.default.contents(atPath: path).flatMap { StoreJSON.value(Memory.self, Array($0)) }
    }
  }

  private func write(_ memory: Memory, _ service: ServiceName) async throws {
    let (folder, path) = (folder, path(service))
    try await OwnThread.run("lf-own-clients") {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
      try DurableFile.write(try StoreJSON.bytes(memory), to: path)
    }
  }

  private func path(_ service: ServiceName) -> String { "\(folder)/\(service).json" }
}
