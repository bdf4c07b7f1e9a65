/// Clients that the record knows by a host name.
extension NotificationSchedule {
  /// Asks for as many names as the resolver may be asked at once; no window and no order among literals delays it.
  mutating func resolveNext(_ directives: inout [Directive], now: Duration) {
    while resolving < timings.mostResolving, let client = unresolved.next() {
      guard case .name(let name) = clients[client].destination else { continue }
      resolving += 1
      contacts[client].isResolving = true
      contacts[client].attempts = contacts[client].attempts &+ 1
      setDue(client, now + timings.resolverPatience)
      directives.append(.resolve(client: client, name: name))
    }
  }

  /// The resolver knows the client's name.
  public mutating func onResolved(_ client: Int, _ addresses: [HostAddress], now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard let first = addresses.first else { return onUnresolved(client, "no address", now: now) }
    guard endResolution(client) else { return directives }
    contacts[client].address = first
    contacts[client].otherAddresses = Array(addresses.dropFirst().reversed())
    contacts[client].problem = nil
    // It was not tried yet, only looked for.
    contacts[client].attempts = 0
    contacts[client].refusals = 0
    contacts[client].generation &+= 1
    fresh.add(contacts[client].rank)
    fill(&directives, now: now)
    return directives
  }

  /// The resolver does not know the client's name, for `reason`.
  public mutating func onUnresolved(_ client: Int, _ reason: String, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard endResolution(client) else { return directives }
    contacts[client].problem = .unknownHost(reason)
    contacts[client].refusals &+= 1
    setDue(client, now + refusalWait(client, now: now))
    fill(&directives, now: now)
    return directives
  }

  /// Whether the resolver was asked, and its answer still matters.
  private mutating func endResolution(_ client: Int) -> Bool {
    guard contacts[client].isResolving else { return false }
    resolving -= 1
    contacts[client].isResolving = false
    return !isFinished
  }
}
