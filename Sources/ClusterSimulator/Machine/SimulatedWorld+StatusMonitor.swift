import Cluster
import StatusMonitor

/// rpc.statd: one file for each client that the lock manager wants monitored, and a callout that it waits for.
extension SimulatedWorld {
  /// Longer than this statd's callout does not wait.
  private static let calloutLimit = 2_000_000

  /// SM_MON. Every one has a cookie of its own, so that a record tells which one it is from.
  mutating func monitor(
    _ client: ClientName, service: ServiceName, on node: NodeName,
    then: @escaping (inout SimulatedWorld, Bool) -> Void
  ) {
    guard let machine = machines[node], !machine.isStatusMonitorDown, machine.statusDirectory.isThere else {
      return then(&self, false)
    }
    let registration = nextNumber()
    clients[client]?.registeredAt = now
    ledger.services[service]?.goneUnseen.remove(client)
    let line = SimulatedRecord.line(registration: registration, client: client, server: node)
    // With another cookie statd removes the file and writes it anew; lines that others left stay where they are.
    let others =
      machine.statusDirectory.files[client].map { SimulatedRecord.lines(of: $0, besides: node) } ?? []
    writeRecord(client, others + line, on: node)
    let answer: Action = { then(&$0, true) }
    guard shape.hasCallout, !machine.calloutIsMissing, machine.instance != nil else {
      return schedule(after: 1_000, onMachine: node, answer)
    }
    let wait = nextNumber()
    ledger.callouts[wait] = answer
    schedule(after: Self.calloutLimit, onMachine: node) { $0.endCallout(wait, on: node) }
    let life = machine.life
    schedule(after: 1_000, for: node) { world in
      guard world.machines[node]?.life == life else { return }
      world.callOut(client, others + line, registration, wait, on: node)
    }
  }

  /// The callout ends, one way or the other; statd answers lockd.
  mutating func endCallout(_ wait: Int, on node: NodeName) {
    guard let answer = ledger.callouts.removeValue(forKey: wait) else { return }
    schedule(after: 500, onMachine: node, answer)
  }

  /// SM_UNMON: the callout first, then the file goes.
  mutating func unmonitor(_ client: ClientName, on node: NodeName) {
    guard machines[node]?.statusDirectory.files[client] != nil else { return }
    if shape.hasCallout, machines[node]?.calloutIsMissing == false { announceLeaving(client, on: node) }
    machines[node]?.statusDirectory.files[client] = nil
    note("\(node): statd forgets \(client)")
    hint(client, wasRemoved: true, on: node)
  }

  /// statd, or an adoption, writes a record.
  mutating func writeRecord(_ client: ClientName, _ bytes: [UInt8], on node: NodeName) {
    machines[node]?.statusDirectory.files[client] = bytes
    hint(client, wasRemoved: false, on: node)
  }

  /// inotify wakes the daemon, unless its queue has run over.
  private mutating func hint(_ client: ClientName, wasRemoved: Bool, on node: NodeName) {
    guard let machine = machines[node], machine.instance != nil, !machine.hintsAreLost else { return }
    let delay = machines[node]?.numbers.number(500...5_000) ?? 0
    schedule(after: delay, for: node) { $0.takeHint(client, wasRemoved: wasRemoved, on: node) }
  }
}

/// Records whose cookies say which registration wrote them.
enum SimulatedRecord {
  static func line(registration: Int, client: ClientName, server: NodeName) -> [UInt8] {
    let digits = String(registration, radix: 16)
    let cookie = String(repeating: "0", count: 32 - digits.count) + digits
    return Array("0100007f 000186b5 00000003 00000010 \(cookie) \(client) \(server)\n".utf8)
  }

  /// The lines that another host's statd wrote.
  static func lines(of bytes: [UInt8], besides server: NodeName) -> [UInt8] {
    let own = Array(" \(server)".utf8)
    return bytes.split(separator: 10).filter { !$0.suffix(own.count).elementsEqual(own) }.flatMap {
      $0 + [10]
    }
  }

  static func registrations(in bytes: [UInt8]) -> [Int] {
    bytes.split(separator: 10).compactMap { line in
      let cookie = line.dropFirst(MonitorLinePlaces.cookie).prefix(32)
      return Int(String(decoding: cookie, as: UTF8.self), radix: 16)
    }
  }

  private enum MonitorLinePlaces { static let cookie = 36 }
}
