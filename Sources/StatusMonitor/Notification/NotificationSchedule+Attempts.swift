/// Who is tried next, and when again.
extension NotificationSchedule {
  /// Starts as many attempts as the pace allows: first with those who were never tried.
  mutating func fill(_ directives: inout [Directive], now: Duration) {
    guard !isFinished else { return }
    while resolving < timings.mostResolving, let client = unresolved.next() {
      resolve(client, &directives, now: now)
    }
    converseNext(&directives)
    while pace.room > 0, let client = fresh.popLast() { attempt(Int(client), &directives, now: now) }
    while pace.room > 0, let client = retries.next() {
      // An answer that came while it stood here has started the next question already.
      if contacts[client].told == nil, contacts[client].inFlight == 0 {
        attempt(client, &directives, now: now)
      }
    }
  }

  /// The client's wait is over: for an answer, which did not come, or for its next turn.
  mutating func onDue(_ client: Int, now: Duration) {
    if contacts[client].isResolving {
      contacts[client].problem = .resolverSilent
      return
    }
    let unanswered = Int(contacts[client].inFlight)
    guard unanswered > 0 else {
      retries.add(client)
      return
    }
    let isThere = contacts[client].firstAnswer != nil
    pace.onLost(unanswered, counts: isThere || contacts[client].attempts == 1)
    contacts[client].inFlight = 0
    contacts[client].silence &+= 1
    contacts[client].problem = contacts[client].problem ?? .silent
    let silence = Int(contacts[client].silence)
    // The status monitor may have moved, and a host with several addresses may listen at another one only.
    if silence >= 2 { contacts[client].port = 0 }
    if silence.isMultiple(of: 2), let other = contacts[client].otherAddresses.popLast() {
      if let address = contacts[client].address { contacts[client].otherAddresses.insert(address, at: 0) }
      contacts[client].address = other
    }
    if silence >= timings.datagramAttempts, (silence - timings.datagramAttempts).isMultiple(of: 4) {
      wantConversation(client)
    }
    // Each wait is twice the one before, the first of them the one that has just passed.
    let wait = pace.wait(timings)
    let rest = min(wait * (1 << min(silence - 1, 10)), timings.longestWait(at: now)) - wait
    if rest > .zero { setDue(client, now + rest) } else { retries.add(client) }
  }

  private mutating func attempt(_ client: Int, _ directives: inout [Directive], now: Duration) {
    guard contacts[client].address != nil else { return resolve(client, &directives, now: now) }
    contacts[client].isRepeated = contacts[client].attempts > 0
    contacts[client].attempts = contacts[client].attempts &+ 1
    ask(client, &directives, now: now)
  }

  /// Sends what is next for the client: the look-up, or everything that is unsaid.
  mutating func ask(_ client: Int, _ directives: inout [Directive], now: Duration) {
    guard let address = contacts[client].address else { return }
    contacts[client].sentAt = now
    if contacts[client].port == 0 {
      let call: NotificationErrand.Call =
        address.isIPv6 ? .universalAddress(version: contacts[client].rpcbindVersion) : .port
      send(client, call, address, 111, &directives)
      // rpcbind of some systems has no version 4, and says nothing instead of saying so.
      if address.isIPv6 { contacts[client].rpcbindVersion = contacts[client].rpcbindVersion == 4 ? 3 : 4 }
    } else {
      for index in 0..<UInt8(errand.sayings) where contacts[client].said & (1 << UInt32(index)) == 0 {
        send(client, .say(index: index), address, contacts[client].port, &directives)
      }
    }
    // What is in flight fills the window no longer than this, whenever the client's next turn is.
    setDue(client, now + pace.wait(timings))
  }

  private mutating func send(
    _ client: Int, _ call: NotificationErrand.Call, _ address: HostAddress, _ port: UInt16,
    _ directives: inout [Directive]
  ) {
    pace.onSent()
    contacts[client].inFlight &+= 1
    directives.append(
      .send(
        Datagram(
          client: client, call: call, transactionID: transactionID(client, call), address: address, port: port
        )))
  }

  func unsaid(_ client: Int) -> [UInt8] {
    (0..<UInt8(errand.sayings)).filter { contacts[client].said & (1 << UInt32($0)) == 0 }
  }

  mutating func setDue(_ client: Int, _ moment: Duration) {
    contacts[client].generation &+= 1
    due.add(
      DueQueue.Entry(moment: moment, client: Int32(client), generation: contacts[client].generation))
  }

  // MARK: Names

  private mutating func resolve(_ client: Int, _ directives: inout [Directive], now: Duration) {
    guard case .name(let name) = clients[client].destination, !contacts[client].isResolving else { return }
    guard resolving < timings.mostResolving else {
      unresolved.add(client)
      return
    }
    resolving += 1
    contacts[client].isResolving = true
    contacts[client].attempts = contacts[client].attempts &+ 1
    setDue(client, now + timings.resolverPatience)
    directives.append(.resolve(client: client, name: name))
  }

  /// The resolver knows the client's name.
  public mutating func onResolved(_ client: Int, _ addresses: [HostAddress], now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard let first = addresses.first else { return onUnresolved(client, "no address", now: now) }
    resolving -= 1
    contacts[client].isResolving = false
    guard contacts[client].told == nil else { return directives }
    contacts[client].address = first
    contacts[client].otherAddresses = Array(addresses.dropFirst().reversed())
    contacts[client].problem = nil
    // It was not tried yet, only looked for.
    contacts[client].attempts = 0
    contacts[client].generation &+= 1
    fresh.append(Int32(client))
    fill(&directives, now: now)
    return directives
  }

  /// The resolver does not know the client's name, for `reason`.
  public mutating func onUnresolved(_ client: Int, _ reason: String, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    resolving -= 1
    contacts[client].isResolving = false
    guard contacts[client].told == nil else { return directives }
    contacts[client].problem = .unknownHost(reason)
    contacts[client].refusals &+= 1
    setDue(client, now + refusalWait(client, now: now))
    fill(&directives, now: now)
    return directives
  }

  /// How long to leave a client alone that has said no: it has no status monitor now, and may have one soon.
  func refusalWait(_ client: Int, now: Duration) -> Duration {
    let shift = min(max(Int(contacts[client].refusals) - 1, 0), 10)
    return min(.seconds(1) * (1 << shift), timings.longestWait(at: now))
  }

  // MARK: Conversations over TCP

  mutating func wantConversation(_ client: Int) {
    guard contacts[client].conversation == .none, contacts[client].address != nil else { return }
    contacts[client].conversation = .awaited
    if contacts[client].firstAnswer != nil { hopeful.add(client) } else { silent.add(client) }
  }

  private mutating func converseNext(_ directives: inout [Directive]) {
    while conversations < timings.mostStreams, let client = hopeful.next() ?? silent.next() {
      guard contacts[client].told == nil, let address = contacts[client].address else {
        contacts[client].conversation = .none
        continue
      }
      contacts[client].conversation = .open
      conversations += 1
      directives.append(.converse(client: client, address: address, unsaid: unsaid(client)))
    }
  }

  /// The client has answered over TCP to what it was told by the `index`th name.
  public mutating func onConversed(_ client: Int, index: UInt8, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard contacts[client].told == nil, Int(index) < errand.sayings else { return directives }
    noteAnswer(client, now: now)
    onSaid(client, bit: 1 << UInt32(index), now: now, &directives)
    fill(&directives, now: now)
    return directives
  }

  /// The conversation is over, with `problem` where it did not come to its end.
  public mutating func onConversationEnded(
    _ client: Int, _ problem: NotificationProblem?, now: Duration
  ) -> [Directive] {
    var directives: [Directive] = []
    guard contacts[client].conversation == .open else { return directives }
    contacts[client].conversation = .none
    conversations -= 1
    if contacts[client].told == nil, let problem,
      contacts[client].problem == nil || contacts[client].problem == .silent
    {
      contacts[client].problem = problem
    }
    fill(&directives, now: now)
    return directives
  }
}
