import Cluster
import StatusMonitor
import Testing

@testable import ClusterSimulator

/// A status directory, a store and a lock manager as they really are, beside the mirror that must follow them.
private struct MirrorWorld {
  let timings = MirrorTimings(
    gracePeriod: .seconds(50), departureDelay: .seconds(120), burst: 3, burstWindow: .seconds(10))
  var numbers: SeededNumbers
  var mirror: MirrorInstance
  var now = at(.seconds(5000))
  var wakeAt: BootInstant?
  var batch: MirrorBatch?
  /// Under way for so long that nobody waits for them any more: they land at some time, unless the owner key has
  /// changed since they were sent.
  var strays: [MirrorBatch] = []

  var files: [ClientName: [UInt8]] = [:]
  var isDirectoryThere = true
  var store: [ClientName: [UInt8]] = [:]
  var isServerUp = true
  /// Since when the lock manager, the directory and the absence of plans have lasted.
  var calmSince: BootInstant
  /// When the file was unlinked by itself, until it is back; or when an operator said that it has left.
  var leftAt: [ClientName: BootInstant] = [:]
  /// Unmonitored by a stopping server: no departure, unless an operator says so.
  var stopped: Set<ClientName> = []
  /// Changed by a batch with an unknown end, and by none that ended well since.
  var uncertain: Set<ClientName> = []
  /// Announced by statd, with the file still there.
  var announcedAt: [ClientName: BootInstant] = [:]
  /// Everything that each file has held, in order.
  var versions: [ClientName: [[UInt8]]] = [:]
  /// Callouts that wait: for which of the versions at least.
  var tickets: [UInt64: (client: ClientName, version: Int)] = [:]
  var lastTicket: UInt64 = 0
  var durable = 0
  var deletions = 0
  var violations: [String] = []

  static let names = (0..<12).map { ClientName(stringLiteral: "c\($0)") }

  init(seed: Int) {
    numbers = SeededNumbers(seed: seed)
    calmSince = now
    for name in Self.names where numbers.chance(30) { store[name] = bytes("old \(name)") }
    for name in Self.names where numbers.chance(30) { files[name] = store[name] ?? bytes("new \(name)") }
    versions = files.mapValues { [$0] }
    mirror = MirrorInstance(timings: timings, stored: store)
  }

  mutating func take(_ directives: [MirrorDirective]) {
    for directive in directives {
      switch directive {
      case .wake(let moment):
        if moment <= now { violations.append("a wake-up at \(moment) was asked for at \(now)") }
        wakeAt = moment
      case .commit(let next):
        if batch != nil { violations.append("two batches are under way") }
        batch = next
        for change in next.changes where change.record == nil { judgeDeletion(change.client) }
      case .lookFor(let clients):
        guard isDirectoryThere, numbers.chance(90) else { return take(mirror.onUnseen(clients, now: now)) }
        for name in clients.sorted() {
          guard let record = files[name] else { continue }
          take(mirror.onWritten(name, record, now: now))
        }
        take(mirror.onAbsent(clients.filter { files[$0] == nil }, now: now))
      case .answer(let ticket, let verdict): judgeAnswer(ticket, verdict)
      }
    }
  }

  /// The invariant: whatever leaves the store was unlinked by itself longer ago than the delay (or an operator
  /// said so), with the lock manager up, the directory there and no plan ever since.
  private mutating func judgeDeletion(_ client: ClientName) {
    deletions += 1
    guard let left = leftAt[client] else { return violations.append("\(client) did not leave by itself") }
    if now - left < timings.departureDelay { violations.append("\(client) is deleted too early") }
    if left < calmSince { violations.append("\(client) is deleted though the server was down meanwhile") }
    if isDirectoryThere, files[client] != nil { violations.append("\(client) is deleted though it is there") }
  }

  /// The invariant: what a callout is told to be durable is in the store, or something newer is.
  private mutating func judgeAnswer(_ ticket: UInt64, _ verdict: CalloutVerdict) {
    guard let (client, version) = tickets.removeValue(forKey: ticket) else {
      return violations.append("\(ticket) does not wait")
    }
    guard verdict == .durable else { return }
    durable += 1
    let newer = versions[client, default: []][version...]
    if !newer.contains(where: { $0 == store[client] }) {
      violations.append("\(client) is not in the store, and its callout was told so")
    }
  }

  private mutating func callOut(_ name: ClientName) {
    guard let record = files[name] else { return }
    lastTicket += 1
    tickets[lastTicket] = (name, versions[name, default: []].count - 1)
    take(mirror.onCallout(lastTicket, name, record, now: now))
  }

  /// statd says that it forgets `name`, and then does or fails to.
  private mutating func announce(_ name: ClientName) {
    announcedAt[name] = now
    take(mirror.onLeaving([name], now: now))
    guard numbers.chance(80) else { return }
    if numbers.chance(50) { return unlink(name) }
    // Its event is lost.
    files[name] = nil
    leftAt[name] = leftAt[name] ?? now
  }

  mutating func endBatch(faults: Bool) {
    guard let ended = batch else { return }
    batch = nil
    let fails = faults && numbers.chance(30)
    let mayLand = fails && numbers.chance(70)
    if !fails || mayLand && numbers.chance(50) {
      land(ended)
    } else if mayLand {
      strays.append(ended)
    }
    let names = ended.changes.map(\.client)
    if fails { uncertain.formUnion(names) } else { uncertain.subtract(names) }
    if fails {
      take(
        mirror.onCommitFailed(
          ended.number, because: "no answer", mayLand: mayLand, retryAfter: numbers.milliseconds(1...3000),
          now: now))
    } else {
      take(mirror.onCommitted(ended.number, now: now))
    }
  }

  private mutating func land(_ batch: MirrorBatch) {
    for change in batch.changes { store[change.client] = change.record }
    if batch.renewsOwner { strays = [] }
  }

  private mutating func landStray() {
    guard !strays.isEmpty else { return }
    land(strays.remove(at: numbers.number(0...strays.count - 1)))
  }

  mutating func scan() { take(mirror.onScan(files, now: now)) }

  mutating func step() {
    now = now + numbers.milliseconds(0...numbers.number(1...30_000))
    if let moment = wakeAt, moment <= now, numbers.chance(90) {
      wakeAt = nil
      take(mirror.onTimer(now: now))
    }
    if numbers.chance(60) { endBatch(faults: true) }
    if numbers.chance(20) { landStray() }
    let name = Self.names[numbers.number(0...Self.names.count - 1)]
    switch numbers.number(0...99) {
    case 0..<35 where isDirectoryThere:
      let record = numbers.chance(10) ? [] : bytes("\(name) \(numbers.number(0...3))")
      files[name] = record.isEmpty ? files[name] : record
      leftAt[name] = nil
      stopped.remove(name)
      announcedAt[name] = nil
      if !record.isEmpty { versions[name, default: []].append(record) }
      if numbers.chance(30) { callOut(name) }
      take(mirror.onWritten(name, record, now: now))
      if record.isEmpty, files[name] == nil { unlink(name) }
    case 35..<50 where isDirectoryThere && files[name] != nil: unlink(name)
    case 50..<60 where isDirectoryThere && files[name] != nil: announce(name)
    case 60..<63 where isDirectoryThere:
      // The server stops: everybody is unmonitored at once.
      for name in files.keys { leftAt[name] = nil }
      let all = Set(files.keys)
      files = [:]
      take(mirror.onRemoved(all, now: now))
      stopped.formUnion(all)
      if all.count <= timings.burst { for name in all { leftAt[name] = now } }
    case 63..<66 where isDirectoryThere && files[name] != nil:
      files[name] = nil
      (leftAt[name], announcedAt[name]) = (nil, nil)
      stopped.remove(name)
      take(mirror.onRetired([name], now: now))
    case 66..<70 where isDirectoryThere:
      // A hint that never came: lost by nobody's hand, or as statd had announced.
      if files.removeValue(forKey: name) != nil, announcedAt[name] != nil { leftAt[name] = now }
      scan()
    case 70..<78 where isDirectoryThere: scan()
    case 78..<81:
      isDirectoryThere.toggle()
      if isDirectoryThere {
        if numbers.chance(50) { files = [:] }
        for name in files.keys { (leftAt[name], announcedAt[name]) = (nil, nil) }
        stopped.subtract(files.keys)
        scan()
      } else {
        calmSince = now + .milliseconds(1)
        take(mirror.onDirectoryGone(now: now))
      }
    case 81..<85: server(isUp: !isServerUp)
    case 85..<87: plan()
    case 87..<89:
      take(mirror.onThaw(now: now))
      // What statd announced while deletions were frozen counts as what left meanwhile, whoever removed its file then.
      for name in stopped.union(leftAt.keys).union(announcedAt.keys)
      where !isDirectoryThere || files[name] == nil {
        leftAt[name] = leftAt[name].flatMap { $0 < calmSince ? nil : $0 } ?? now
      }
    default: take(mirror.onTimer(now: now))
    }
  }

  private mutating func unlink(_ name: ClientName) {
    files[name] = nil
    leftAt[name] = leftAt[name] ?? now
    take(mirror.onRemoved([name], now: now))
  }

  mutating func server(isUp: Bool) {
    isServerUp = isUp
    if !isUp { calmSince = now + .milliseconds(1) }
    take(mirror.onLockManager(isUp: isUp, now: now))
  }

  private mutating func plan() {
    take(mirror.onPlan(isRunning: true, now: now))
    calmSince = now + .milliseconds(1)
    if numbers.chance(50) { now = now + numbers.milliseconds(0...10_000) }
    take(mirror.onPlan(isRunning: false, now: now))
    // Until the delay after its end nothing that leaves counts.
    calmSince = now + timings.departureDelay
  }

  /// All faults end, and time enough passes for every retry.
  mutating func calmDown() {
    if !isDirectoryThere { isDirectoryThere = true }
    if !isServerUp { server(isUp: true) }
    for name in files.keys { leftAt[name] = nil }
    scan()
    for _ in 0..<50 {
      endBatch(faults: false)
      now = now + .seconds(4)
      if let moment = wakeAt, moment <= now {
        wakeAt = nil
        take(mirror.onTimer(now: now))
      }
    }
    while !strays.isEmpty { landStray() }
    let missing = files.filter { store[$0.key] != $0.value }
    if !missing.isEmpty { violations.append("not in the store in the end: \(missing.keys.sorted())") }
    if !tickets.isEmpty { violations.append("\(tickets.count) callouts were never answered") }
    if !mirror.isSettled { violations.append("the mirror does not settle") }
    let report = mirror.report(now: now)
    if report.seen != files.count || report.mirrored != files.count || report.lag != .zero {
      violations.append("the report says \(report), \(files.count) files are there")
    }
    // Of what has left the directory since, only a batch that ended well tells.
    uncertain.subtract(files.keys)
    let known = mirror.records.filter { store[$0.client] != $0.record && !uncertain.contains($0.client) }
    if !known.isEmpty { violations.append("the mirror is wrong about the store: \(known.map(\.client))") }
    let unknown = Set(store.keys).subtracting(mirror.records.map(\.client)).subtracting(uncertain)
    if !unknown.isEmpty { violations.append("the mirror has forgotten: \(unknown.sorted())") }
  }
}

@Suite("The mirror against a model, at random (M1, M3, rule 5 of the architecture)")
struct MirrorModelTests {
  @Test("Nothing leaves without its own reason, and everything present arrives", arguments: 0..<4)
  func randomEvents(part: Int) {
    var (deletions, durable) = (0, 0)
    for seed in part * 250..<(part + 1) * 250 {
      var world = MirrorWorld(seed: seed)
      world.scan()
      for _ in 0..<200 {
        world.step()
        if !world.violations.isEmpty { break }
      }
      if world.violations.isEmpty { world.calmDown() }
      #expect(world.violations.isEmpty, "seed \(seed)")
      deletions += world.deletions
      durable += world.durable
    }
    // The invariants are worth something: deletions and answers do occur.
    #expect(deletions > 100, "\(deletions)")
    #expect(durable > 1000)
  }
}
