/// `SM_NOTIFY`: which monitored hosts a notification is about, and the callbacks that follow.
extension StatusMonitorInstance {
  /// A notification is about a host if its name or the address that it came from is the host's, by text or by what the
  /// resolver says (`sm_notify_1_svc` and `statd_matchhostname`). It is answered at once; names are resolved later.
  mutating func onNotify(
    _ notice: RestartNotice, from caller: StatusMonitorCaller, as call: StatusMonitorRequest, now: Duration
  ) -> [StatusMonitorDirective] {
    figures.notices += 1
    var directives = [StatusMonitorDirective.reply(call, results: [])]
    if mirroring != .none {
      directives.append(
        .report(.restarted(name: notice.monName, source: caller.address, state: notice.state)))
    }
    guard !hosts.isEmpty else { return directives }
    let peer = PeerKey(notice.monName)
    let known = hosts.ids(of: peer).union(hosts.ids(of: .address(caller.address)))
    let shown = printableText(notice.monName, limit: 255)
    directives += restart(known, shown, state: notice.state, now: now)
    let remembered = NameLookups.Notice(
      peer: peer, shown: shown, state: notice.state, source: caller.address, at: now, isPlaced: !known.isEmpty
    )
    // What could not be a record's name is not given to the resolver either.
    if case .name = peer, let name = try? ClientName(notice.monName) {
      names.remember(remembered, lookUp: name.text)
    } else {
      names.remember(remembered, lookUp: nil)
      if known.isEmpty { directives.append(.tell(.unknownPeer(peer: shown, source: caller.address))) }
    }
    if known.isEmpty { names.refresh(hosts.names, now: now) }
    directives += nextLookups()
    return directives
  }

  /// A name has these addresses; none where it has none, or the resolver failed.
  public mutating func onResolved(
    _ lookup: UInt64, _ addresses: [HostAddress], now: Duration
  ) -> [StatusMonitorDirective] {
    var directives: [StatusMonitorDirective] = []
    let found = Set(addresses.prefix(64))
    switch names.end(lookup) {
    case nil: return []
    case .notice(let number):
      guard let notice = names.setAddresses(found, of: number) else { break }
      let known = found.reduce(into: Set<MonitoredHosts.ID>()) { $0.formUnion(hosts.ids(of: .address($1))) }
        .filter { (hosts[$0]?.since ?? now) <= notice.at }
      if !known.isEmpty { names.setPlaced(number) }
      directives += restart(known, notice.shown, state: notice.state, now: now)
      if known.isEmpty, !notice.isPlaced {
        directives.append(.tell(.unknownPeer(peer: notice.shown, source: notice.source)))
      }
    case .monitored(let peer):
      // A resolver that fails for a while takes nothing away that was known.
      guard !found.isEmpty else { break }
      for id in hosts.setAddresses(found, of: peer) {
        guard let monitoring = hosts[id] else { continue }
        for notice in names.notices(about: found, since: monitoring.since, now: now) {
          directives += restart([id], notice.shown, state: notice.state, now: now)
        }
      }
    }
    return directives + nextLookups()
  }

  /// Calls back for those whose peer was not known to have this state.
  private mutating func restart(
    _ ids: some Collection<MonitoredHosts.ID>, _ peer: String, state: Int32, now: Duration
  ) -> [StatusMonitorDirective] {
    let news = ids.filter { hosts[$0].map { $0.peerState != state } ?? false }.sorted()
    guard !news.isEmpty else { return [] }
    for id in news {
      hosts.setPeerState(id, state)
      callbacks.want(id, state: state, now: now)
    }
    return [.tell(.restarted(peer: peer, state: state, callbacks: news.count))] + nextCallbacks(now: now)
  }

  mutating func nextLookups() -> [StatusMonitorDirective] {
    names.next().map { .resolve($0.name, lookup: $0.lookup) }
  }

  /// A datagram for the port that callbacks are sent from.
  public mutating func onDatagram(
    _ bytes: [UInt8], fromPort source: UInt16, now: Duration
  ) -> [StatusMonitorDirective] {
    var directives: [StatusMonitorDirective] = []
    if let (id, callback) = callbacks.onDatagram(bytes, fromPort: source, now: now), let host = hosts[id] {
      figures.calledBack += 1
      directives.append(
        .tell(
          .calledBack(peer: host.line.monName, state: callback.state, attempts: callback.attempts + 1)))
    }
    return directives + nextCallbacks(now: now)
  }

  mutating func nextCallbacks(now: Duration) -> [StatusMonitorDirective] {
    let hosts = hosts
    let directives = callbacks.next(now: now) { hosts[$0]?.line }
    return directives
      + callbacks.takeAbandoned().compactMap { id, callback in
        hosts[id].map {
          .tell(
            .callbackAbandoned(peer: $0.line.monName, state: callback.state, attempts: callback.attempts))
        }
      }
  }
}
