import ONCRPC

/// What comes back over UDP.
extension NotificationSchedule {
  /// A datagram came from `source`.
  public mutating func onReply(_ message: [UInt8], from source: HostAddress, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished else { return directives }
    guard let (client, call) = called(message), contacts[client].address == source else {
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
    settle(client, now: now)
    noteAnswer(client, now: now)
    switch (call, reply.outcome) {
    case (.say(let index), .success):
      onSaid(client, bit: 1 << UInt32(index), now: now, &directives)
      if contacts[client].problem == .silent { contacts[client].problem = nil }
    case (_, .success(let results)): onPort(client, call, results, now: now, &directives)
    case (.universalAddress, .programMismatch):
      // The other of both versions is asked, at once the first time.
      contacts[client].refusals &+= 1
      contacts[client].problem = .rejected("its rpcbind has neither version 4 nor version 3")
      let wait = contacts[client].refusals == 1 ? Duration.zero : refusalWait(client, now: now)
      setDue(client, now + wait)
    case (_, let refusal): onRefusal(client, .rejected("\(refusal)"), now: now)
    }
    fill(&directives, now: now)
    return directives
  }

  private func called(_ message: [UInt8]) -> (client: Int, call: NotificationErrand.Call)? {
    guard message.count >= 4 else { return nil }
    return call(message[..<4].reduce(0) { $0 << 8 | UInt32($1) })
  }

  private mutating func settle(_ client: Int, now: Duration) {
    // A late answer belongs to something that was given up already.
    guard contacts[client].inFlight > 0 else { return }
    contacts[client].inFlight -= 1
    pace.onAnswered(afterFirst: contacts[client].isRepeated ? nil : now - contacts[client].sentAt)
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
    // A second answer to the same question.
    guard contacts[client].port != port else { return }
    contacts[client].port = port
    contacts[client].isRepeated = contacts[client].attempts > 1
    if contacts[client].problem == .silent { contacts[client].problem = nil }
    if case .universalAddress(let version) = call { contacts[client].rpcbindVersion = version }
    ask(client, &directives, now: now)
  }

  /// The client is there and won't be told now: again later, and over TCP.
  private mutating func onRefusal(_ client: Int, _ problem: NotificationProblem, now: Duration) {
    pace.onForgotten(Int(contacts[client].inFlight))
    contacts[client].inFlight = 0
    contacts[client].problem = problem
    contacts[client].port = 0
    contacts[client].refusals &+= 1
    if contacts[client].refusals.isMultiple(of: 2) || contacts[client].refusals == 1 {
      wantConversation(client)
    }
    setDue(client, now + refusalWait(client, now: now))
  }

  /// The client's kernel said that nothing listens where the call with this number went (ICMP port unreachable).
  public mutating func onClosed(_ transactionID: UInt32, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished, let (client, call) = call(transactionID), contacts[client].told == nil else {
      return directives
    }
    settle(client, now: now)
    noteAnswer(client, now: now)
    // Several names that went to one port come back together.
    if !call.isLookUp, contacts[client].port == 0 { return directives }
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
