import CalloutProtocol
import Cluster
import NodeHost
import StatusMonitor

/// What statd's callouts tell the mirror.
extension MirrorShell {
  /// What became of an added client's record.
  enum Addition: Sendable, Equatable {
    /// In the store, for every service that this node mirrors.
    case durable
    /// This node mirrors no service.
    case notMirrored
    /// For some service not, and why.
    case notDurable(because: String)
  }

  /// How long a callout waits for a mirror that is still reading the store.
  private static let loadLimit = Duration.seconds(5)

  /// The services that this node mirrors, loaded or not.
  var mirrored: Set<ServiceName> { Set(entries.keys) }

  /// statd has written the record of a client, and the client waits for its lock.
  ///
  /// - Parameter fresh: the record, where the listener found it at once.
  func add(_ names: CalloutRequest.Names, fresh: CalloutListener.FreshRecord?) async -> Addition {
    guard !entries.isEmpty else { return .notMirrored }
    guard await isLoaded(within: Self.loadLimit) else {
      return .notDurable(because: "the store's records are not read yet")
    }
    var records: [ClientName: [UInt8]] = [:]
    if let fresh {
      records = [fresh.client: fresh.bytes]
      if isReading { toldMeanwhile[fresh.client] = fresh.bytes } else { forgetScan(of: [fresh.client]) }
    } else {
      records = await find(names.monName)
    }
    // statd says nothing of one that it has already: this one was written just now.
    for (client, bytes) in records { pass(client, bytes, isNew: true) }
    guard !records.isEmpty else {
      return .notDurable(because: "no file in \(directory.records) names this client")
    }
    guard !entries.isEmpty else { return .notMirrored }
    let problems = await secure(records)
    return problems.isEmpty ? .durable : .notDurable(because: problems.joined(separator: "; "))
  }

  /// statd is about to forget a client. False where that can't be noted now.
  func leave(_ names: CalloutRequest.Names) -> Bool {
    guard isReady else { return false }
    applyToAll { $0.onLeaving($0.clients(monName: names.monName), now: .now) }
    return true
  }

  /// The clients of each service that are meant where a host with one of these names says that it has restarted.
  func clients(named names: [[UInt8]]) -> [(service: ServiceName, epoch: UInt64, clients: Set<ClientName>)] {
    entries.compactMap { service, entry in
      guard let instance = entry.instance else { return nil }
      var found: Set<ClientName> = []
      for name in names where !name.isEmpty {
        found.formUnion(instance.clients(monName: name))
        if let client = try? ClientName(name), instance.knows(client) { found.insert(client) }
      }
      return (service, entry.epoch, found)
    }
  }

  /// What statd says of a client can be compared with store and directory.
  var isReady: Bool { entries.values.allSatisfy { $0.instance?.hasScanned == true } }

  /// Reads the whole directory.
  func readAgain() async { await inTurn { await self.rescan() } }

  // MARK: - Parts

  private func isLoaded(within limit: Duration) async -> Bool {
    let end = BootInstant.now + limit
    while entries.values.contains(where: { $0.instance == nil }) {
      guard BootInstant.now < end, (try? await Task.sleep(for: .milliseconds(10))) != nil else {
        return false
      }
    }
    return true
  }

  /// Every record that names the client, as it is now: statd names the file by the client's canonical name, which only
  /// the resolver would tell, and that one may be slow. What was written last is among the watch's hints, or was taken
  /// by the mirror already.
  private func find(_ monName: [UInt8]) async -> [ClientName: [UInt8]] {
    await inTurn { await self.take(self.watch.take()) }
    if let found = known(monName) { return found }
    await readAgain()
    return known(monName) ?? [:]
  }

  private func known(_ monName: [UInt8]) -> [ClientName: [UInt8]]? {
    guard let instance = entries.values.lazy.compactMap(\.instance).first else { return nil }
    let found = instance.present.filter { MonitorRecord.names(monName, in: $0.value) }
    return found.isEmpty ? nil : found
  }

  /// Waits until every record is in the store for every service; returns why not where it isn't.
  private func secure(_ records: [ClientName: [UInt8]]) async -> [String] {
    await withCheckedContinuation { continuation in
      let services = Array(entries.keys)
      let tickets = callouts.open(services: services, records: records.count, continuation)
      for (service, tickets) in zip(services, tickets) {
        // It has just begun a new epoch.
        guard entries[service]?.instance != nil else {
          endCallouts(service, because: "the store's records of \(service) are not read yet")
          continue
        }
        for (ticket, record) in zip(tickets, records) {
          apply(service) { $0.onCallout(ticket, record.key, record.value, now: .now) }
        }
      }
    }
  }

  /// Nothing more of the service is written.
  func endCallouts(_ service: ServiceName, because reason: String) {
    for ticket in callouts.tickets(of: service) {
      callouts.answer(ticket, .notDurable(because: reason))
    }
  }
}

/// Callouts that wait for the mirrors of all services: one ticket for each service and record.
struct CalloutWaits {
  private struct Wait {
    var open: Int
    var problems: [String] = []
    var continuation: CheckedContinuation<[String], Never>
  }

  private var waits: [UInt64: Wait] = [:]
  private var tickets: [UInt64: (wait: UInt64, service: ServiceName)] = [:]
  private var last: UInt64 = 0

  /// Tickets for each of `services`, `records` of them each, all to be answered before `continuation` goes on.
  mutating func open(
    services: [ServiceName], records: Int, _ continuation: CheckedContinuation<[String], Never>
  ) -> [[UInt64]] {
    last += 1
    let wait = last
    waits[wait] = Wait(open: services.count * records, continuation: continuation)
    return services.map { service in
      (0..<records).map { _ in
        last += 1
        tickets[last] = (wait, service)
        return last
      }
    }
  }

  /// The open tickets of a service.
  func tickets(of service: ServiceName) -> [UInt64] {
    tickets.filter { $0.value.service == service }.keys.sorted()
  }

  /// A ticket is answered; one that was answered before is passed over.
  mutating func answer(_ ticket: UInt64, _ verdict: CalloutVerdict) {
    guard let (number, _) = tickets.removeValue(forKey: ticket), var wait = waits[number] else { return }
    wait.open -= 1
    if case .notDurable(let reason) = verdict { wait.problems.append(reason) }
    waits[number] = wait
    guard wait.open == 0 else { return }
    waits[number] = nil
    wait.continuation.resume(returning: wait.problems)
  }
}
