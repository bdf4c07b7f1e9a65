import ArgumentParser
import Glibc
import ONCRPC
import RPCTransport
import StatusMonitor

/// `nsm-peer monitor-many`
struct MonitorMany: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor-many",
    abstract:
      "Asks this host's status monitor to watch many peers (SM_MON), one datagram each, and measures it.",
    discussion: """
      The peers are addresses counted up from --first. Prints one line with the number of answers, the microseconds they \
      took and the quantiles of their latencies; or, with --each, a line for each peer. Exit status 1 where answers are \
      missing or refused. lockd asks for one peer at a time; --window asks for several at once. With --remove it asks for \
      nobody to be watched any more (SM_UNMON).
      """)

  @Option(help: "The first peer.")
  var first = "10.64.0.1"

  @Option(help: "How many.")
  var count = 1_000

  @Option(help: "The name of this host, which asks.")
  var myName: String

  @Option(help: "How many calls are under way at once.")
  var window = 1

  @Option(help: "Seconds after which missing answers are given up.")
  var limit = 60.0

  @Flag(help: "Print each peer, as soon as it is answered with success, and the nanoseconds it took.")
  var each = false

  @Flag(help: "Cease to watch them.")
  var remove = false

  func validate() throws {
    guard HostAddress(literal: first.utf8)?.isIPv6 == false else {
      throw ValidationError("--first takes an IPv4 address")
    }
    guard count > 0, count <= 10_000_000 else { throw ValidationError("--count takes 1 to 10000000") }
    guard (1...4_096).contains(window) else { throw ValidationError("--window takes 1 to 4096") }
    guard limit > 0, limit <= 3_600 else { throw ValidationError("--limit takes more than 0, at most 3600") }
  }

  func run() async throws {
    guard
      let port = try await PortMapper.port(
        program: StatusMonitorProgram.number, version: StatusMonitorProgram.version, protocol: .udp,
        host: "127.0.0.1", within: .seconds(10))
    else { throw NSMPeerError("rpcbind knows no status monitor on this host") }
    var stream = try MonitorStream(
      port: port, myName: Array(myName.utf8), first: first, removes: remove, prints: each)
    try stream.run(count: count, window: window, limit: .seconds(limit))
    if !each { stream.line.printNow() }
    if stream.granted != count { throw ExitCode.failure }
  }
}

/// Many SM_MON or SM_UNMON calls over one socket.
private struct MonitorStream {
  private let descriptor: Int32
  private let myName: [UInt8]
  private let first: UInt32
  private let removes: Bool
  private let prints: Bool
  /// By transaction, which is the peer's number.
  private var sent: [UInt32: (at: ContinuousClock.Instant, first: ContinuousClock.Instant)] = [:]
  private var latencies: [Duration] = []
  private var took = Duration.zero
  private(set) var granted = 0
  private var refused = 0

  init(port: UInt16, myName: [UInt8], first: String, removes: Bool, prints: Bool) throws {
    self.myName = myName
    self.removes = removes
    self.first = first.split(separator: ".").reduce(0) { $0 << 8 | (UInt32($1) ?? 0) }
    self.prints = prints
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard descriptor >= 0, connected == 0 else {
      throw NSMPeerError("no socket: \(String(cString: strerror(errno)))")
    }
  }

  mutating func run(count: Int, window: Int, limit: Duration) throws {
    defer { close(descriptor) }
    let start = ContinuousClock.now
    var next = 0
    while granted + refused < count, start.duration(to: .now) < limit {
      while next < count, sent.count < window {
        try send(UInt32(next), again: nil)
        next += 1
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&waiting, 1, 1_000) > 0 { try receive() }
      // As a lock manager would.
      for (transaction, times) in sent where times.at.duration(to: .now) > .seconds(10) {
        try send(transaction, again: times.first)
      }
    }
    took = start.duration(to: .now)
  }

  private mutating func send(_ number: UInt32, again first: ContinuousClock.Instant?) throws {
    let identity = MonitorIdentity(monName: Array(peer(number).utf8), target: CallbackTarget(myName: myName))
    // Of the peer, so that asking again is asking for the same.
    let cookie =
      [UInt8](repeating: 0, count: 12) + withUnsafeBytes(of: (self.first &+ number).bigEndian) { Array($0) }
    let procedure: StatusMonitorProgram.Procedure = removes ? .unmonitor : .monitor
    let call = RPCCall(
      transactionID: number, program: StatusMonitorProgram.number, version: StatusMonitorProgram.version,
      procedure: procedure.rawValue)
    let message = try call.message(
      arguments: removes
        ? try identity.encoded() : try MonitorRequest(identity: identity, cookie: cookie).encoded())
    let now = ContinuousClock.now
    sent[number] = (now, first ?? now)
    _ = Glibc.send(descriptor, message, message.count, 0)
  }

  private func peer(_ number: UInt32) -> String { HostAddress(ipv4: first &+ number).description }

  private mutating func receive() throws {
    var buffer = [UInt8](repeating: 0, count: 1_024)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return }
    let reply = try RPCReply.parse(Array(buffer[..<count]))
    guard let times = sent.removeValue(forKey: reply.transactionID) else { return }
    // SM_UNMON has no word for failure.
    guard case .success(let results) = reply.outcome,
      try removes || MonitorResult(results: results).isSuccess
    else {
      refused += 1
      return
    }
    let took = times.first.duration(to: .now)
    latencies.append(took)
    granted += 1
    if prints {
      JSONLine().with("mon_name", peer(reply.transactionID)).with("nanoseconds", nanoseconds(took)).printNow()
    }
  }

  private func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  var line: JSONLine {
    let sorted = latencies.sorted()
    func microseconds(_ part: Double) -> Int64 {
      guard !sorted.isEmpty else { return 0 }
      return nanoseconds(sorted[min(Int(Double(sorted.count) * part), sorted.count - 1)]) / 1_000
    }
    return JSONLine().with("granted", granted).with("refused", refused)
      .with("microseconds", nanoseconds(took) / 1_000)
      .with("p50", microseconds(0.5)).with("p90", microseconds(0.9)).with("p99", microseconds(0.99))
  }
}
