/// `SM_MON`, `SM_UNMON`, `SM_UNMON_ALL`, and what becomes of their records.
extension StatusMonitorInstance {
  mutating func onMonitor(
    _ request: MonitorRequest, from caller: StatusMonitorCaller, as call: StatusMonitorRequest, now: Duration
  ) -> [StatusMonitorDirective] {
    let identity = request.identity
    let line: MonitorLine
    do throws(MonitoringObjection) {
      line = try admitted(request, from: caller)
    } catch {
      return refuse(
        [call], .refused("SM_MON of \(printableText(identity.monName, limit: 255)): \(error.reason)"))
    }
    if let id = hosts.id(of: identity), let known = hosts[id] {
      if known.line.cookie == request.cookie {
        switch known.presence {
        case .kept: return check(line, id, client: known.client, for: call, now: now)
        case .pending(let ticket):
          // Asked again before the answer: both get it when the record is on the disk.
          waits[ticket]?.requests.append(call)
          return []
        case .unsure: break
        }
      }
      hosts.replace(id, with: line)
      return write(line, id, client: known.client, for: call, now: now)
    }
    let client: ClientName
    do throws(MonitoringObjection) {
      client = try recordName(identity)
    } catch {
      return refuse(
        [call], .refused("SM_MON of \(printableText(identity.monName, limit: 255)): \(error.reason)"))
    }
    let id = hosts.insert(line, client: client, presence: .unsure, now: now)
    var directives = write(line, id, client: client, for: call, now: now)
    if let peer = hosts[id]?.peer, case .name = peer {
      names.want([peer])
      directives += nextLookups()
    }
    return directives
  }

  mutating func onUnmonitor(
    _ identity: MonitorIdentity, from caller: StatusMonitorCaller, as call: StatusMonitorRequest,
    now: Duration
  ) -> [StatusMonitorDirective] {
    guard caller.address.isLoopback else {
      return [
        .tell(.refused("SM_UNMON from \(caller): only this host may ask for it")),
        .reply(call, results: stateOnly),
      ]
    }
    return forget(hosts.id(of: identity).map { [$0] } ?? [], for: call, now: now)
  }

  mutating func onUnmonitorAll(
    _ target: CallbackTarget, from caller: StatusMonitorCaller, as call: StatusMonitorRequest, now: Duration
  ) -> [StatusMonitorDirective] {
    guard caller.address.isLoopback else {
      return [
        .tell(.refused("SM_UNMON_ALL from \(caller): only this host may ask for it")),
        .reply(call, results: stateOnly),
      ]
    }
    return forget(hosts.ids(of: target).sorted(), for: call, now: now)
  }

  // Checks

  /// Why a host isn't monitored.
  struct MonitoringObjection: Error {
    let reason: String
  }

  private func admitted(
    _ request: MonitorRequest, from caller: StatusMonitorCaller
  ) throws(MonitoringObjection) -> MonitorLine {
    guard caller.address.isLoopback else {
      throw MonitoringObjection(reason: "\(caller) asks, and only this host itself may")
    }
    let target = request.identity.target
    guard StatusMonitorInstance.isCallable(target) else {
      throw MonitoringObjection(
        reason: "program \(target.program) procedure \(target.procedure) is no lock manager's callback")
    }
    guard waits.count < limits.waitingCalls else {
      throw MonitoringObjection(reason: "\(waits.count) records wait to be written already")
    }
    do throws(MonitorLineError) {
      guard !request.identity.monName.isEmpty else { throw MonitorLineError(reason: "mon_name is empty") }
      let line = try MonitorLine(
        address: MonitorLine.loopback, program: target.program, version: target.version,
        procedure: target.procedure, cookie: request.cookie, monName: request.identity.monName,
        myName: target.myName)
      // What the file will be read as has to be what was asked for.
      guard try MonitorLine(parsing: line.text).identity == request.identity else {
        throw MonitorLineError(reason: "the names can't be written so that they are read as the same")
      }
      return line
    } catch {
      throw MonitoringObjection(reason: error.reason)
    }
  }

  /// The record that the peer has already, or the one that it gets.
  private func recordName(_ identity: MonitorIdentity) throws(MonitoringObjection) -> ClientName {
    let peer = PeerKey(identity.monName)
    if let known = hosts.client(of: peer) {
      guard hosts.lines(of: known) < limits.linesPerHost else {
        throw MonitoringObjection(reason: "it is monitored for \(limits.linesPerHost) lock managers already")
      }
      return known
    }
    guard hosts.hosts < limits.hosts else {
      throw MonitoringObjection(reason: "\(hosts.hosts) hosts are monitored, which is the most allowed")
    }
    do throws(ClientNameError) {
      if case .address(let address) = peer, !address.isIPv6 { return try ClientName(address.description) }
      return try ClientName(identity.monName)
    } catch {
      throw MonitoringObjection(reason: error.reason)
    }
  }

  // Writing

  private var success: [UInt8] { MonitorResult(isSuccess: true, state: state.value).encoded }
  private var stateOnly: [UInt8] { StatusMonitorProgram.results(state: state.value) }

  private mutating func write(
    _ line: MonitorLine, _ id: MonitoredHosts.ID, client: ClientName, for call: StatusMonitorRequest,
    now: Duration
  ) -> [StatusMonitorDirective] {
    lastTicket += 1
    // Whoever waited for the former cookie is answered with the new one: it is the same lock manager.
    var requests = [call]
    if case .pending(let former) = hosts[id]?.presence, let wait = waits.removeValue(forKey: former) {
      requests = wait.requests + requests
    }
    hosts.setPresence(id, .pending(ticket: lastTicket))
    waits[lastTicket] = Wait(purpose: .monitor(id), requests: requests)
    return [
      .change([RecordChange(client: client, adding: [line])], ticket: lastTicket),
      .timer(.writing(ticket: lastTicket), at: now + limits.writing),
    ]
  }

  /// A lock manager that asks again: the record has to be there now, whatever happened to it since. Also in the store, if
  /// it was written in an earlier life, by rpc.statd, or for a call that was refused.
  private mutating func check(
    _ line: MonitorLine, _ id: MonitoredHosts.ID, client: ClientName, for call: StatusMonitorRequest,
    now: Duration
  ) -> [StatusMonitorDirective] {
    lastTicket += 1
    let isDone = mirroring == .none || hosts[id]?.isMirrored == true
    if !isDone { hosts.setPresence(id, .pending(ticket: lastTicket)) }
    waits[lastTicket] = Wait(purpose: isDone ? .check(id) : .monitor(id), requests: [call])
    return [
      .change([RecordChange(client: client, adding: [line], isCheck: true)], ticket: lastTicket),
      .timer(.writing(ticket: lastTicket), at: now + limits.writing),
    ]
  }

  private mutating func forget(
    _ ids: [MonitoredHosts.ID], for call: StatusMonitorRequest, now: Duration
  ) -> [StatusMonitorDirective] {
    var changes: [ClientName: RecordChange] = [:]
    var directives: [StatusMonitorDirective] = []
    for id in ids {
      guard let monitoring = hosts[id] else { continue }
      changes[monitoring.client, default: RecordChange(client: monitoring.client)].removing
        .append(monitoring.line.identity)
      if case .pending(let ticket) = monitoring.presence, let wait = waits.removeValue(forKey: ticket) {
        directives += refuse(wait.requests, nil)
      }
      if mirroring != .none { directives.append(.report(.departed(monitoring.line.identity))) }
      callbacks.forget(id)
      hosts.remove(id)
    }
    guard !changes.isEmpty else { return directives + [.reply(call, results: stateOnly)] }
    lastTicket += 1
    waits[lastTicket] = Wait(purpose: .forget, requests: [call])
    return directives + [
      .change(changes.values.sorted { $0.client < $1.client }, ticket: lastTicket),
      .timer(.writing(ticket: lastTicket), at: now + limits.writing),
    ]
  }

  /// A change was made, or wasn't.
  public mutating func onWritten(
    _ ticket: UInt64, _ outcome: RecordOutcome, now: Duration
  ) -> [StatusMonitorDirective] {
    guard let wait = waits[ticket], !wait.isWritten else { return [] }
    if case .check(let id) = wait.purpose {
      guard case .failed(let reason) = outcome, let client = hosts[id]?.client else {
        return grant(ticket, id)
      }
      return giveUp(ticket, id, .notWritten(client: client, reason: reason))
    }
    guard case .monitor(let id) = wait.purpose, let monitoring = hosts[id] else {
      // A record that stays though it should go costs its client a needless notification, and nothing else.
      waits[ticket] = nil
      return wait.requests.map { .reply($0, results: stateOnly) }
    }
    if case .failed(let reason) = outcome {
      return giveUp(ticket, id, .notWritten(client: monitoring.client, reason: reason))
    }
    guard mirroring != .none else { return grant(ticket, id) }
    let mirror = StatusMonitorDirective.mirror(
      monitoring.client, identity: monitoring.line.identity, ticket: ticket)
    if mirroring == .grant, isStoreAway {
      figures.grantedUnmirrored += UInt64(wait.requests.count)
      let event = StatusMonitorEvent.grantedUnmirrored(client: monitoring.client, reason: "still not")
      return [.tell(event)] + grant(ticket, id) + [mirror]
    }
    waits[ticket]?.isWritten = true
    return [mirror, .timer(.mirroring(ticket: ticket), at: now + limits.mirroring)]
  }

  /// The store keeps a record, or doesn't.
  public mutating func onMirrored(
    _ ticket: UInt64, _ outcome: RecordOutcome, now: Duration
  ) -> [StatusMonitorDirective] {
    var directives: [StatusMonitorDirective] = []
    if outcome == .done, isStoreAway {
      isStoreAway = false
      directives.append(.tell(.mirrorsAgain(unmirrored: figures.grantedUnmirrored)))
    }
    guard let wait = waits[ticket], case .monitor(let id) = wait.purpose, let monitoring = hosts[id] else {
      return directives
    }
    switch (outcome, mirroring) {
    case (.done, _):
      hosts.setMirrored(id)
      return directives + grant(ticket, id)
    case (.failed(let reason), .refuse):
      isStoreAway = true
      return directives + giveUp(ticket, id, .refusedUnmirrored(client: monitoring.client, reason: reason))
    case (.failed(let reason), _):
      isStoreAway = true
      figures.grantedUnmirrored += UInt64(wait.requests.count)
      return directives + [.tell(.grantedUnmirrored(client: monitoring.client, reason: reason))]
        + grant(ticket, id)
    }
  }

  mutating func onWritingLimit(_ ticket: UInt64, now: Duration) -> [StatusMonitorDirective] {
    guard waits[ticket]?.isWritten == false else { return [] }
    return onWritten(ticket, .failed("the disk took longer than \(limits.writing)"), now: now)
  }

  mutating func onMirroringLimit(_ ticket: UInt64, now: Duration) -> [StatusMonitorDirective] {
    guard waits[ticket] != nil else { return [] }
    return onMirrored(ticket, .failed("it took longer than \(limits.mirroring)"), now: now)
  }

  private mutating func grant(_ ticket: UInt64, _ id: MonitoredHosts.ID) -> [StatusMonitorDirective] {
    hosts.setPresence(id, .kept)
    guard let wait = waits.removeValue(forKey: ticket) else { return [] }
    figures.granted += UInt64(wait.requests.count)
    return wait.requests.map { .reply($0, results: success) }
  }

  /// The record stays, on the disk or not: a client that is notified for nothing ignores it.
  private mutating func giveUp(
    _ ticket: UInt64, _ id: MonitoredHosts.ID, _ event: StatusMonitorEvent
  ) -> [StatusMonitorDirective] {
    hosts.setPresence(id, .unsure)
    guard let wait = waits.removeValue(forKey: ticket) else { return [] }
    return refuse(wait.requests, event)
  }

  private mutating func refuse(
    _ requests: [StatusMonitorRequest], _ event: StatusMonitorEvent?
  ) -> [StatusMonitorDirective] {
    figures.refused += UInt64(requests.count)
    return (event.map { [.tell($0)] } ?? [])
      + requests.map { .reply($0, results: MonitorResult(isSuccess: false, state: -1).encoded) }
  }
}

extension MonitorLine {
  /// 127.0.0.1 as this machine's statd prints it, in the machine's own byte order: whom to call back is always the
  /// host itself.
  static var loopback: UInt32 { UInt32(0x7f00_0001).bigEndian }
}
