/// What every node shows of services that nobody serves, whoever has found it out.
///
/// Only the heir asks witnesses, only the owner knows that its adoption fails: each says so beside its eligibility, and
/// the others repeat it.
extension NodeInstance {
  /// Why the service is not adopted though its owner is silent; nil where nothing holds it.
  public func whyHeld(_ name: ServiceName, now: BootInstant) -> String? {
    whyHeldHere(name, now: now) ?? said(of: name) { $0.held?[name.text] }
  }

  /// Why nobody can serve `name`; nil while somebody does, or is about to.
  public func whyStranded(_ name: ServiceName, now: BootInstant) -> String? {
    whyStrandedHere(name, now: now) ?? said(of: name) { $0.stranded?[name.text] }
  }

  /// Why an owner that misses beats is not taken for dead: it is seen serving.
  public func whyDegraded(_ peer: NodeName) -> [String] {
    let here = whyDegradedHere(peer)
    guard here.isEmpty, peers[peer]?.verdict != .alive else { return here }
    return speakers.lazy.compactMap { peerEligibility[$0]?.degraded?[peer.text] }.first ?? []
  }

  /// For the others, what this node itself has found out.
  func sayAlarms(in said: inout Eligibility, now: BootInstant) {
    for name in orderedServices {
      if let reason = whyHeldHere(name, now: now) { said.held = (said.held ?? [:]).adding(name.text, reason) }
      if let reason = whyStrandedHere(name, now: now) {
        said.stranded = (said.stranded ?? [:]).adding(name.text, reason)
      }
    }
    for peer in peerNames {
      let reasons = whyDegradedHere(peer)
      if !reasons.isEmpty { said.degraded = (said.degraded ?? [:]).adding(peer.text, reasons) }
    }
  }

  /// What another node says of a service that is not served, as far as this one sees.
  private func said(of name: ServiceName, _ alarm: (Eligibility) -> String?) -> String? {
    guard let state = services[name], !state.activity.isUp, let ownership = state.ownership else {
      return nil
    }
    // Its word may be as old as its last beat: what is served meanwhile is not repeated.
    if ownership.state == .online, peers[ownership.node]?.verdict == .alive { return nil }
    for peer in speakers {
      if let reason = peerEligibility[peer].flatMap(alarm) { return reason }
    }
    return nil
  }

  /// Who beats, in order: what the others have said last may be long over.
  private var speakers: [NodeName] { peerNames.filter { peers[$0]?.verdict == .alive } }
}

extension Dictionary {
  fileprivate func adding(_ key: Key, _ value: Value) -> [Key: Value] { merging([key: value]) { $1 } }
}
