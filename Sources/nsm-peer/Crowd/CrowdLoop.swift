import CLinux
import Glibc

/// The crowd's sockets and the loop that serves them, on one thread.
struct CrowdLoop {
  /// When the crowd is done.
  struct End {
    /// So many clients are told.
    var told: Int?
    /// On the boot clock.
    var at: Int64?
  }

  /// What a signal asks for, as a byte in a pipe.
  enum Signal: UInt8 {
    case end = 0
    case resume = 1
  }

  private(set) var hosts: CrowdHosts
  private(set) var firstPacketAt: Int64?
  private(set) var lastPacketAt: Int64?
  private let wait: Int32
  private let signals: Int32
  private let datagrams: [DatagramDoor]
  private let streams: [StreamDoor]
  private var delayed = DelayedReplies<DatagramDoor.Waiting>()
  private var ignoresDead: Bool
  private var saidHeld = false

  /// The status monitor's port.
  var port: UInt16 { hosts.ports.first }
  var received: Int { datagrams.reduce(0) { $0 + $1.received } }
  var replied: Int { datagrams.reduce(0) { $0 + $1.replied } }
  var dropped: Int { datagrams.reduce(0) { $0 + $1.dropped } }
  var strayed: Int { datagrams.reduce(0) { $0 + $1.strayed } }
  var accepted: Int { streams.reduce(0) { $0 + $1.accepted } }
  var streamCalls: Int { streams.reduce(0) { $0 + $1.calls } }

  /// - Parameter signals: where ``Signal`` bytes arrive.
  init(
    _ addresses: ClientAddresses, plan: FaultPlan, patience: CrowdHosts.Patience, port: UInt16, seed: UInt64,
    wantedNames: [[UInt8]], turns: CrowdHosts.Turns, signals: Int32
  ) throws {
    wait = lfd_open_wait()
    guard wait >= 0 else { throw NSMPeerError("epoll: \(String(cString: strerror(-wait)))") }
    self.signals = signals
    var datagrams: [DatagramDoor] = []
    var streams: [StreamDoor] = []
    let services: [CrowdHosts.Service] = [
      .portMapper, .statusMonitor(second: false), .statusMonitor(second: true),
    ]
    for service in services {
      let port = service == .portMapper ? 111 : service == .statusMonitor(second: false) ? port : 0
      let door = try DatagramDoor(service, isIPv6: addresses.isIPv6, port: port, seed: seed)
      datagrams.append(door)
      streams.append(try StreamDoor(service, isIPv6: addresses.isIPv6, port: door.port, wait: wait))
    }
    self.datagrams = datagrams
    self.streams = streams
    hosts = CrowdHosts(
      addresses: addresses, plan: plan, patience: patience, ports: (datagrams[1].port, datagrams[2].port),
      wantedNames: wantedNames, turns: turns)
    let dead = (0..<addresses.count).filter { plan.faults[$0].contains(.dead) }
    guard dead.count <= LFD_MAX_IGNORED else { throw NSMPeerError("at most \(LFD_MAX_IGNORED) may be dead") }
    for door in streams { try door.ignore(dead.map(addresses.lastWord(of:)), isIPv6: addresses.isIPv6) }
    ignoresDead = !dead.isEmpty
    for descriptor in datagrams.map(\.socket) + streams.map(\.listener) + [signals] {
      let result = lfd_wait_for(wait, descriptor, UInt64(descriptor))
      guard result == 0 else { throw NSMPeerError("epoll: \(String(cString: strerror(-result)))") }
    }
  }

  /// Serves until the end, and returns whether it is the one that was wanted: all told, or told to end without a
  /// number to wait for.
  mutating func run(until end: End) throws -> Bool {
    defer { close(wait) }
    var tags = [UInt64](repeating: 0, count: 64)
    while true {
      if let wanted = end.told, hosts.ledger.told >= wanted { return true }
      let now = lfh_boot_nanoseconds()
      if let at = end.at, now >= at { return end.told == nil }
      let count = lfd_wait(wait, &tags, Int32(tags.count), milliseconds(until: end.at, from: now))
      guard count >= 0 else { throw NSMPeerError("epoll: \(String(cString: strerror(-count)))") }
      let (before, woken) = (received + streamCalls, lfh_boot_nanoseconds())
      for tag in tags.prefix(Int(count)) {
        if Int32(tag) == signals {
          if !heedSignal() { return end.told == nil }
        } else {
          serve(Int32(tag))
        }
      }
      sendDelayed()
      if received + streamCalls > before {
        firstPacketAt = firstPacketAt ?? woken
        lastPacketAt = lfh_boot_nanoseconds()
      }
      try followTurns()
    }
  }

  private mutating func serve(_ descriptor: Int32) {
    for door in datagrams where door.socket == descriptor { return door.serve(&hosts, &delayed) }
    for door in streams where door.listener == descriptor { return door.accept(hosts) }
    for door in streams where door.serve(descriptor, &hosts) { return }
  }

  private mutating func sendDelayed() {
    guard delayed.nextDueAt != nil else { return }
    let now = lfh_boot_nanoseconds()
    while let waiting = delayed.takeNext(dueAt: now) { waiting.door.send(waiting) }
    for door in datagrams { door.flush() }
  }

  private mutating func followTurns() throws {
    if hosts.isRevived && ignoresDead {
      for door in streams { try door.ignore([], isIPv6: hosts.addresses.isIPv6) }
      ignoresDead = false
    }
    if hosts.isHeld && !saidHeld {
      saidHeld = true
      JSONLine().with("held_at", hosts.ledger.told).printNow()
    }
  }

  /// False where it is the end.
  private mutating func heedSignal() -> Bool {
    var byte: UInt8 = 0
    guard read(signals, &byte, 1) == 1, Signal(rawValue: byte) == .resume else { return false }
    hosts.resume()
    return true
  }

  private func milliseconds(until end: Int64?, from now: Int64) -> Int32 {
    guard let next = [end, delayed.nextDueAt].compactMap({ $0 }).min() else { return -1 }
    // Rounded up: rounded down, the last millisecond would be spent in asking.
    return Int32(clamping: max(0, (next - now + 999_999) / 1_000_000))
  }
}
