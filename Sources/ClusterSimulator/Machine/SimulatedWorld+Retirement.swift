import Cluster
import StatusMonitor

/// sm-notify on the live status directory, at the machine's start or by somebody's hand.
extension SimulatedWorld {
  /// It moves every record to `sm.bak`, tells its client in the host's own name, which no client of a service knows, and
  /// removes what it has told.
  mutating func retireRecords(_ node: NodeName) {
    guard let files = machines[node]?.statusDirectory.files, machines[node]?.statusDirectory.isThere == true
    else { return }
    machines[node]?.statusDirectory.files = [:]
    machines[node]?.statusDirectory.retired.merge(files) { $1 }
    for client in clients.names where machines[node]?.statusDirectory.retired[client] != nil {
      tellRetired(client, tries: 5, on: node)
    }
    guard !files.isEmpty else { return }
    let names = Set(files.keys)
    schedule(after: 2_000, for: node) { world in
      // Where inotify's queue has run over, only the next scan shows it.
      guard let machine = world.machines[node], machine.statusDirectory.isThere, !machine.hintsAreLost else {
        return
      }
      let gone = names.filter { machine.statusDirectory.files[$0] == nil }
      for client in gone.sorted() {
        guard let bytes = machine.statusDirectory.retired[client] else { continue }
        world.applyToAll(node) { $0.onWritten(client, bytes, now: $1) }
      }
      world.applyToAll(node) { $0.onRetired(gone, now: $1) }
    }
  }

  /// Whom it can't reach it tells at the next start.
  private mutating func tellRetired(_ client: ClientName, tries: Int, on node: NodeName) {
    let delay = machines[node]?.numbers.number(20_000...2_000_000) ?? 0
    schedule(after: delay, onMachine: node) { world in
      guard world.machines[node]?.statusDirectory.retired[client] != nil else { return }
      guard world.reaches(client, node) else {
        if tries > 0 { world.tellRetired(client, tries: tries - 1, on: node) }
        return
      }
      world.machines[node]?.statusDirectory.retired[client] = nil
      world.noteIfUnseen(client, on: node)
    }
  }

  /// What a rescan finds in `sm.bak`.
  mutating func takeUnknownRetired(_ node: NodeName) {
    guard let machine = machines[node], !machine.statusDirectory.retired.isEmpty else { return }
    let retired = machine.statusDirectory.retired
    var unknown: Set<ClientName> = []
    for mirror in machine.mirrors.values {
      unknown.formUnion(mirror.instance?.unknown(among: Set(retired.keys)) ?? [])
    }
    guard !unknown.isEmpty else { return }
    let found = retired.filter { unknown.contains($0.key) }
    applyToAll(node) { $0.onFoundRetired(found, now: $1) }
  }

  /// No directory of `node` has the record of `client` any more. Where its daemon does not know it either, and the store
  /// has none, it is lost: nobody can mend that.
  mutating func noteIfUnseen(_ client: ClientName, on node: NodeName) {
    guard let machine = machines[node], machine.statusDirectory.files[client] == nil,
      machine.statusDirectory.retired[client] == nil, let service = clients[client]?.service,
      machine.lockManagers[service]?.monitored.contains(client) == true,
      machine.mirrors[service]?.instance?.knows(client) != true, store.records[service]?[client] == nil
    else { return }
    ledger.services[service]?.goneUnseen.insert(client)
  }
}
