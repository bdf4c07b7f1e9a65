import ONCRPC

/// What comes back over UDP.
extension NotificationSchedule {
  /// A datagram came from `source`.
  public mutating func onReply(_ message: [UInt8], from source: HostAddress, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished else { return directives }
    guard let (client, call) = called(message), isAddress(source, of: client) else {
      strays += 1
      return directives
    }
    guard contacts[client].told == nil else { return directives }
    let reply: RPCReply
    do {
      reply = try RPCReply.parse(message)
    } catch {
      // The wait for the answer goes on: a right one may follow.
      strays += 1
      contacts[client].problem = .garbled
      return directives
    }
    if source != contacts[client].address {
      // An address that is not tried any more: what it has to say counts, but that it has nothing to say doesn't.
      guard case .success = reply.outcome else { return directives }
      if contacts[client].asked & call.bit != 0 { useAddress(source, client) }
    }
    let isAwaited = settle(client, call, now: now)
    switch (call, reply.outcome) {
    case (.say(let index), .success):
      noteAnswer(client, now: now)
      if case .rejected = contacts[client].problem {} else { contacts[client].problem = nil }
      onSaid(client, bit: 1 << UInt32(index), now: now, &directives)
    case _ where !isAwaited: break
    case (_, .success(let results)):
      noteAnswer(client, now: now)
      onPort(client, call, results, now: now, &directives)
    case (.universalAddress, .programMismatch):
      noteAnswer(client, now: now)
      onVersionMismatch(client, now: now)
    case (_, let refusal):
      noteAnswer(client, now: now)
      onRefusal(client, .rejected("\(refusal)"), now: now)
    }
    fill(&directives, now: now)
    return directives
  }

  private func called(_ message: [UInt8]) -> (client: Int, call: NotificationErrand.Call)? {
    guard message.count >= 4 else { return nil }
    return call(message[..<4].reduce(0) { $0 << 8 | UInt32($1) })
  }

  private func isAddress(_ source: HostAddress, of client: Int) -> Bool {
    contacts[client].address == source || contacts[client].otherAddresses.contains(source)
  }

  private mutating func useAddress(_ address: HostAddress, _ client: Int) {
    guard let current = contacts[client].address,
      let index = contacts[client].otherAddresses.firstIndex(of: address)
    else { return }
    contacts[client].otherAddresses[index] = current
    contacts[client].address = address
    contacts[client].port = 0
  }

  /// Whether the call was sent and not answered since. A late answer belongs to something that was given up, and
  /// holds no place in the window any more.
  private mutating func settle(_ client: Int, _ call: NotificationErrand.Call, now: Duration) -> Bool {
    guard contacts[client].asked & call.bit != 0 else { return false }
    contacts[client].asked &= ~call.bit
    if contacts[client].inFlight & call.bit != 0 {
      contacts[client].inFlight &= ~call.bit
      pace.onAnswered(afterFirst: contacts[client].isRepeated ? nil : now - contacts[client].sentAt)
    } else if contacts[client].inFlight == 0, contacts[client].silence == 1, !contacts[client].isRepeated {
      pace.onLate(after: now - contacts[client].sentAt)
    }
    return true
  }

  private mutating func onPort(
    _ client: Int, _ call: NotificationErrand.Call, _ results: [UInt8], now: Duration,
    _ directives: inout [Directive]
  ) {
    let port: UInt16?
    do {
      port = call == .port ? try PortMap.port(results: results) : try PortMap.port(addressResults: results)
    } catch {
      onRefusal(client, .garbled, now: now)
      return
    }
    guard let port else {
      onRefusal(client, .notRegistered, now: now)
      return
    }
    contacts[client].problem = nil
    if case .universalAddress(let version) = call { contacts[client].rpcbindVersion = version }
    // Both versions of rpcbind may have been asked, and both have answered.
    guard contacts[client].port != port else { return }
    contacts[client].port = port
    ask(client, &directives, now: now)
  }

  /// The other of both versions of rpcbind is asked, at once the first time.
  private mutating func onVersionMismatch(_ client: Int, now: Duration) {
    if contacts[client].refusals == 0 {
      contacts[client].refusals = 1
      setDue(client, now)
    } else {
      onRefusal(client, .rejected("its rpcbind has neither version 4 nor version 3"), now: now)
    }
  }

  /// The client is there and won't be told now: again later, and over TCP.
  private mutating func onRefusal(_ client: Int, _ problem: NotificationProblem, now: Duration) {
    forget(client)
    contacts[client].problem = problem
    contacts[client].port = 0
    contacts[client].refusals &+= 1
    if contacts[client].refusals.isMultiple(of: 2) || contacts[client].refusals == 1 {
      wantConversation(client)
    }
    if contacts[client].refusals.isMultiple(of: 2) { tryOtherAddress(client) }
    if Int(contacts[client].refusals).isMultiple(of: timings.attemptsUntilLookUp) { lookUpAgain(client) }
    setDue(client, now + refusalWait(client, now: now))
  }

  /// The client's kernel said that nothing listens where the call with this number went (ICMP port unreachable).
  public mutating func onClosed(_ transactionID: UInt32, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished, let (client, call) = call(transactionID), contacts[client].told == nil,
      // Several names that went to one port come back together, and the first of them has said it all.
      settle(client, call, now: now)
    else { return directives }
    noteAnswer(client, now: now)
    onRefusal(client, .closed(rpcbind: call.isLookUp), now: now)
    fill(&directives, now: now)
    return directives
  }

  /// A router or this machine's own routing said that there is no way for the call with this number.
  public mutating func onUnreachable(_ transactionID: UInt32, _ reason: String) {
    guard !isFinished, let (client, _) = call(transactionID), contacts[client].told == nil else { return }
    contacts[client].problem = .unreachable(reason)
  }

  /// Answers were lost because this machine had no room for them.
  public mutating func onOverflow() { pace.onOverflow() }
}
