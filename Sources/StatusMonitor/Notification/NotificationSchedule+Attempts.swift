/// Who is tried next, and when again.
extension NotificationSchedule {
  /// Starts as many attempts as the pace allows: first with those who were never tried.
  mutating func fill(_ directives: inout [Directive], now: Duration) {
    guard !isFinished else { return }
    resolveNext(&directives, now: now)
    converseNext(&directives)
    while pace.room > 0, let rank = fresh.removeNext() {
      attempt(Int(order[Int(rank)]), &directives, now: now)
    }
    while pace.room > 0, let client = retries.next() {
      // An answer that came while it stood here has started the next question already.
      if contacts[client].told == nil, contacts[client].inFlight == 0 {
        attempt(client, &directives, now: now)
      }
    }
  }

  /// The client's wait is over: for an answer, which did not come, or for its next turn.
  mutating func onDue(_ client: Int, now: Duration) {
    guard contacts[client].address != nil else {
      unresolved.add(client)
      return
    }
    guard contacts[client].inFlight != 0 else {
      retries.add(client)
      return
    }
    let isSaying = contacts[client].inFlight > NotificationErrand.Call.lookUpBits
    // A status monitor that has never said a word while its rpcbind does is silent, and no fault of the network.
    let isMonitorSilent = isSaying && contacts[client].said == 0
    pace.onLost(
      contacts[client].inFlight.nonzeroBitCount,
      counts: contacts[client].firstAnswer != nil && !contacts[client].isRepeated && !isMonitorSilent)
    if isSaying { contacts[client].dumbness &+= 1 }
    contacts[client].inFlight = 0
    contacts[client].silence &+= 1
    contacts[client].problem = contacts[client].problem ?? .silent
    let silence = Int(contacts[client].silence)
    // The status monitor may have moved, and a host with several addresses may listen at another one only.
    if silence >= 2 { contacts[client].port = 0 }
    if silence.isMultiple(of: 2) { tryOtherAddress(client) }
    if silence.isMultiple(of: timings.attemptsUntilLookUp) { lookUpAgain(client) }
    if silence >= timings.datagramAttempts, (silence - timings.datagramAttempts).isMultiple(of: 4) {
      wantConversation(client)
    }
    // Each wait is twice the one before, the first of them the one that has just passed.
    let wait = pace.wait(timings)
    let rest = min(wait * (1 << min(silence - 1, 10)), timings.longestWait(at: now)) - wait
    if rest > .zero { setDue(client, now + rest) } else { retries.add(client) }
  }

  mutating func tryOtherAddress(_ client: Int) {
    guard let current = contacts[client].address, let other = contacts[client].otherAddresses.popLast() else {
      return
    }
    contacts[client].otherAddresses.insert(current, at: 0)
    contacts[client].address = other
    contacts[client].port = 0
  }

  private mutating func attempt(_ client: Int, _ directives: inout [Directive], now: Duration) {
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
      contacts[client].isRepeated = contacts[client].asked & call.bit != 0
      send(client, call, address, 111, &directives)
      // rpcbind of some systems has no version 4, and says nothing instead of saying so.
      if address.isIPv6 { contacts[client].rpcbindVersion = contacts[client].rpcbindVersion == 4 ? 3 : 4 }
    } else {
      contacts[client].isRepeated = contacts[client].asked > NotificationErrand.Call.lookUpBits
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
    // Said again at another port, it still waits for one answer only.
    if contacts[client].inFlight & call.bit == 0 { pace.onSent() }
    contacts[client].inFlight |= call.bit
    contacts[client].asked |= call.bit
    directives.append(
      .send(
        Datagram(
          client: client, call: call, transactionID: transactionID(client, call), address: address, port: port
        )))
  }

  /// Nothing that was asked is waited for any more.
  mutating func forget(_ client: Int) {
    pace.onForgotten(contacts[client].inFlight.nonzeroBitCount)
    contacts[client].inFlight = 0
    contacts[client].asked = 0
  }

  func unsaid(_ client: Int) -> [UInt8] {
    (0..<UInt8(errand.sayings)).filter { contacts[client].said & (1 << UInt32($0)) == 0 }
  }

  mutating func setDue(_ client: Int, _ moment: Duration) {
    contacts[client].generation &+= 1
    due.add(
      NotificationTurn(
        moment: moment, rank: contacts[client].rank, generation: contacts[client].generation))
  }

  /// How long to leave a client alone that has said no: it has no status monitor now, and may have one soon.
  func refusalWait(_ client: Int, now: Duration) -> Duration {
    let shift = min(max(Int(contacts[client].refusals) - 1, 0), 10)
    return min(.seconds(1) * (1 << shift), timings.longestWait(at: now))
  }
}
