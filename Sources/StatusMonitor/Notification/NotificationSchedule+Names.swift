/// Clients that the record knows by a host name.
extension NotificationSchedule {
  /// Asks for as many names as the resolver may be asked at once; no window and no order among literals delays it.
  ///
  /// A name that the resolver does not answer gives its place to the next one, so that names which are known wait
  /// for others a bounded time only.
  mutating func resolveNext(_ directives: inout [Directive], now: Duration) {
    while places.count < timings.mostResolving, lookUps < timings.mostLookUps,
      let client = unresolved.next()
    {
      guard case .name(let name) = clients[client].destination, !contacts[client].isResolving,
        contacts[client].told == nil
      else { continue }
      places.append((client, now + timings.resolverPatience))
      lookUps += 1
      contacts[client].isResolving = true
      if contacts[client].address == nil { contacts[client].attempts = contacts[client].attempts &+ 1 }
      directives.append(.resolve(client: client, name: name))
    }
  }

  /// Makes room for the next names.
  mutating func endPlaces(now: Duration) {
    while let first = places.first, first.until <= now {
      places.removeFirst()
      if contacts[first.client].address == nil { contacts[first.client].problem = .resolverSilent }
    }
  }

  /// The client may have moved: what its name stood for does not answer. It is tried there all the same meanwhile.
  mutating func lookUpAgain(_ client: Int) {
    guard case .name = clients[client].destination, !contacts[client].isResolving else { return }
    unresolved.add(client)
  }

  /// The resolver knows the client's name.
  public mutating func onResolved(_ client: Int, _ addresses: [HostAddress], now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard let first = addresses.first else { return onUnresolved(client, "no address", now: now) }
    guard endResolution(client), contacts[client].told == nil else { return directives }
    let before = contacts[client].address
    let address = before.flatMap { addresses.contains($0) ? $0 : nil } ?? first
    contacts[client].otherAddresses = addresses.filter { $0 != address }.reversed()
    if address != before {
      contacts[client].address = address
      contacts[client].refusals = 0
      contacts[client].generation &+= 1
      if before == nil {
        contacts[client].problem = nil
        // It was not tried yet, only looked for.
        contacts[client].attempts = 0
        fresh.add(contacts[client].rank)
      } else {
        // What was asked at the old address is given up.
        forget(client)
        contacts[client].port = 0
        contacts[client].silence = 0
        contacts[client].isMute = false
        retries.add(client)
      }
    }
    fill(&directives, now: now)
    return directives
  }

  /// The resolver does not know the client's name, for `reason`.
  public mutating func onUnresolved(_ client: Int, _ reason: String, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard endResolution(client) else { return directives }
    // An address that was known is tried further.
    if contacts[client].address == nil {
      contacts[client].problem = .unknownHost(reason)
      contacts[client].refusals &+= 1
      setDue(client, now + refusalWait(client, now: now))
    }
    fill(&directives, now: now)
    return directives
  }

  /// Whether the resolver was asked, and its answer still matters.
  private mutating func endResolution(_ client: Int) -> Bool {
    guard contacts[client].isResolving else { return false }
    lookUps -= 1
    places.removeAll { $0.client == client }
    contacts[client].isResolving = false
    return !isFinished
  }
}
