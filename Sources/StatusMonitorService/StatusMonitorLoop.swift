import Glibc
import Logging
import NodeHost
import ONCRPC
import RPCTransport
import StatusMonitor

/// The thread on which the status monitor lives: takes what arrives to the instance and carries out what it directs,
/// without ever waiting for a disk, a resolver, a store or another host.
struct StatusMonitorLoop {
  private let inbox: Inbox
  private let server: RPCServer
  private let datagrams: LoopbackDatagrams
  private let writer: StatusDirectoryWriter
  private let keeper: (any RecordKeeper)?
  private let lock: StatusDirectoryLock
  private var instance: StatusMonitorInstance
  private var timers = TimerQueue()
  private var events: EventLog
  /// Changes of this turn, which go to the disk together.
  private var changes: [(ticket: UInt64, changes: [RecordChange])] = []
  private var news: [RecordKeeperRequest] = []

  /// What is served.
  var endpoints: [RPCServer.Endpoint] { server.endpoints }

  /// Reads what is monitored, binds the ports, and gives up root.
  init(_ options: StatusMonitorOptions, inbox: Inbox, log: Logger) throws {
    let directory = StatusDirectory(path: options.statusDirectory)
    lock = try directory.lock()
    try directory.removeStatusMonitorLeftovers()
    let state = try directory.establishedState()
    StatusDirectory.tellKernel(state)
    let scan = try directory.scan()
    for file in scan.refused { log.warning("\(directory.records)/\(file): not monitored") }
    server = try RPCServer(port: options.port, messageLimit: StatusMonitorCall.maximumMessageBytes)
    datagrams = try LoopbackDatagrams()
    if let warning = try directory.becomeOwner() { log.warning("\(warning)") }
    writer = try StatusDirectoryWriter(directory) { inbox.add(.written($0, $1)) }
    // The instance has its own limit, which comes first: what is late is late for everybody.
    keeper = try options.mirror.map { mirror in
      try CalloutKeeper(socket: mirror.socket, limit: mirror.limit + .seconds(1)) { inbox.add(.mirrored($0)) }
    }
    instance = StatusMonitorInstance(
      records: scan.records.mapValues { MonitorRecord(parsing: $0) }, state: state,
      mirroring: options.mirroring, limits: options.limits, firstTransaction: .random(in: 0 ... .max))
    self.inbox = inbox
    events = EventLog(log)
    log.notice(
      "status monitor begins",
      metadata: [
        "status_directory": "\(directory.path)", "hosts": "\(instance.monitoredHosts)", "state": "\(state)",
        "when_not_mirrored": "\(options.mirroring)",
      ])
  }

  /// Serves until it is told to stop.
  mutating func run() {
    carryOut(instance.onStart(now: BootClock.now))
    while true {
      submit()
      let limit = timers.next.map { max($0 - BootClock.now, .zero) }
      let (arrivals, readable) = server.wait(for: limit, beside: [inbox.descriptor, datagrams.descriptor])
      if readable.contains(inbox.descriptor) {
        for report in inbox.take() {
          if case .stop = report { return stop() }
          take(report)
        }
      }
      if readable.contains(datagrams.descriptor) {
        for (bytes, port) in datagrams.receive() {
          carryOut(instance.onDatagram(bytes, fromPort: port, now: BootClock.now))
        }
      }
      for arrival in arrivals { take(arrival) }
      while let timer = timers.takeDue(now: BootClock.now) {
        carryOut(instance.onTimer(timer, now: BootClock.now))
      }
    }
  }

  private mutating func stop() {
    writer.stop()
    keeper?.stop()
    let figures = instance.figures
    events.log.notice(
      "status monitor ends",
      metadata: [
        "calls": "\(figures.calls)", "granted": "\(figures.granted)", "refused": "\(figures.refused)",
        "granted_unmirrored": "\(figures.grantedUnmirrored)", "notices": "\(figures.notices)",
        "called_back": "\(figures.calledBack)",
      ])
  }

  private mutating func take(_ arrival: RPCServer.Arrival) {
    guard let address = HostAddress(bytes: arrival.caller.address) else {
      return server.answer(arrival.request, .systemError)
    }
    do throws(StatusMonitorCall.Refusal) {
      let call = try StatusMonitorCall(arrival.call, arguments: arrival.arguments)
      let caller = StatusMonitorCaller(address: address, port: arrival.caller.port)
      carryOut(
        instance.onCall(
          call, from: caller, as: StatusMonitorRequest(arrival.request), now: BootClock.now))
    } catch {
      server.answer(arrival.request, error.outcome)
    }
  }

  private mutating func take(_ report: Inbox.Report) {
    switch report {
    case .written(let reports, let state):
      // Before the answers, which carry the number.
      if case .number(let number) = state { instance.onState(StatusDirectory.told(number)) }
      for report in reports {
        let outcome: RecordOutcome = report.failure.map { .failed($0.message) } ?? .done
        carryOut(instance.onWritten(report.ticket, outcome, now: BootClock.now))
      }
    case .mirrored(let outcomes):
      for (ticket, outcome) in outcomes {
        carryOut(instance.onMirrored(ticket, outcome, now: BootClock.now))
      }
    case .resolved(let lookup, let addresses):
      carryOut(instance.onResolved(lookup, addresses, now: BootClock.now))
    case .stop: break
    }
  }

  private mutating func carryOut(_ directives: [StatusMonitorDirective]) {
    for directive in directives {
      switch directive {
      case .change(let wanted, let ticket): changes.append((ticket, wanted))
      case .mirror(_, let identity, let ticket):
        news.append(.keep(ticket: ticket, identity))
      case .report(.departed(let identity)): news.append(.departed(identity))
      case .report(.restarted(let name, let source, let state)):
        news.append(
          .restarted(name: name, source: "\(source)", state: state, at: UInt64(max(time(nil), 0))))
      case .reply(let request, let results): server.answer(request.number, .success(results))
      case .resolve(let name, let lookup): resolve(name, lookup)
      case .send(let bytes, let port): datagrams.send(bytes, port: port)
      case .timer(let timer, let at): timers.set(timer, at: at)
      case .tell(let event): events.tell(event, now: BootClock.now)
      }
    }
  }

  private mutating func submit() {
    writer.submit(changes)
    if !news.isEmpty { keeper?.submit(news) }
    changes = []
    news = []
  }

  /// A thread for each lookup, of which the instance has few at once: a resolver blocks as long as it likes.
  private mutating func resolve(_ name: String, _ lookup: UInt64) {
    let inbox = inbox
    do {
      try OwnThread.start("lf-resolve") {
        inbox.add(.resolved(lookup, HostLookup.addresses(of: name).compactMap { HostAddress(bytes: $0) }))
      }
    } catch {
      events.log.warning("\(error)")
      inbox.add(.resolved(lookup, []))
    }
  }
}
