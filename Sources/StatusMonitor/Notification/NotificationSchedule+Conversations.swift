/// Conversations over TCP, with clients that do not answer over UDP or refuse.
extension NotificationSchedule {
  mutating func wantConversation(_ client: Int) {
    guard contacts[client].address != nil else { return }
    switch contacts[client].conversation {
    case .none,
      .awaited where contacts[client].firstAnswer != nil:
      guard contacts[client].firstAnswer != nil else {
        contacts[client].conversation = .awaited
        if contacts[client].isMute { mute.add(client) } else { silent.add(client) }
        return
      }
      contacts[client].conversation = .preferred
      hopeful.add(client)
    case .awaited, .preferred, .open: break
    }
  }

  mutating func converseNext(_ directives: inout [Directive]) {
    while conversations < timings.mostStreams, let client = nextForConversation() {
      guard let address = contacts[client].address else { continue }
      contacts[client].conversation = .open
      conversations += 1
      directives.append(.converse(client: client, address: address, unsaid: unsaid(client)))
    }
  }

  private mutating func nextForConversation() -> Int? {
    while let client = hopeful.next() {
      if contacts[client].told == nil { return client }
    }
    // Whoever was silent over TCP before is probably dead, and must not hold up those who only speak TCP.
    while let client = silent.next() ?? mute.next() {
      // It may have moved to those with hope, and stand here still.
      if contacts[client].told == nil, contacts[client].conversation == .awaited { return client }
    }
    return nil
  }

  /// The client has answered over TCP to what it was told by the `index`th name.
  public mutating func onConversed(_ client: Int, index: UInt8, now: Duration) -> [Directive] {
    var directives: [Directive] = []
    guard !isFinished, contacts[client].told == nil, Int(index) < errand.sayings else { return directives }
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
    guard !isFinished else { return directives }
    if problem == .silent { contacts[client].isMute = true }
    if contacts[client].told == nil, let problem,
      contacts[client].problem == nil || contacts[client].problem == .silent
    {
      contacts[client].problem = problem
    }
    fill(&directives, now: now)
    return directives
  }
}
