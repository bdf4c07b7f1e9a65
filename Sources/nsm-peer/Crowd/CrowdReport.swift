/// What the crowd heard, as JSON.
struct CrowdReport {
  let loop: CrowdLoop

  private var hosts: CrowdHosts { loop.hosts }
  private var ledger: NotificationLedger { loop.hosts.ledger }

  /// Everything but the clients one by one.
  var summary: JSONLine {
    let all = 0..<hosts.addresses.count
    let tellable = all.count { hosts.isTellable($0) }
    return JSONLine().with("clients", hosts.addresses.count).with("tellable", tellable)
      .with("told", ledger.told).with("untold_tellable", untold)
      .with("notifications", ledger.notifications).with("duplicates", ledger.duplicates)
      .with("first_packet_boot_ns", loop.firstPacketAt ?? -1).with("seconds", times)
      .with("names", counts(\.name) { printable(ledger.names[$0]) })
      .with("states", counts(\.state) { "\($0)" })
      .with("sources", sources).with("packets", packets)
  }

  /// Clients that could be told and weren't.
  private var untold: Int {
    (0..<hosts.addresses.count).count { hosts.isTellable($0) && ledger.toldAt($0) == nil }
  }

  /// When clients had been told, from the first packet on.
  private var times: JSONLine {
    let told = (0..<hosts.addresses.count).compactMap { ledger.toldAt($0) }.sorted()
    func seconds(_ share: Double) -> Double? {
      guard !told.isEmpty else { return nil }
      return sinceFirstPacket(told[Int((Double(told.count - 1) * share).rounded())])
    }
    return JSONLine().with("first", seconds(0)).with("median", seconds(0.5)).with("p95", seconds(0.95))
      .with("last", seconds(1))
  }

  private var packets: JSONLine {
    var perSecond: Double?
    if let first = loop.firstPacketAt, let last = loop.lastPacketAt, last > first {
      perSecond = (Double(loop.received + loop.replied) / (Double(last - first) / 1e9)).rounded()
    }
    return JSONLine().with("received", loop.received).with("replied", loop.replied)
      .with("per_second", perSecond).with("dropped_by_kernel", loop.dropped).with("stray", loop.strayed)
      .with("look_ups", hosts.counts.lookUps).with("null_calls", hosts.counts.nullCalls)
      .with("unanswered", hosts.counts.unanswered).with("refused", hosts.counts.refused)
      .with("malformed", hosts.counts.malformed).with("connections", loop.accepted)
      .with("calls_over_tcp", loop.streamCalls)
  }

  private var sources: [JSONLine] {
    ledger.sources.map { source in
      JSONLine().with("address", addressText(source.address, isIPv6: hosts.addresses.isIPv6))
        .with("notifications", source.notifications).with("privileged", source.privileged)
    }
  }

  /// How many clients heard each value.
  private func counts<Value: Hashable & Comparable>(
    _ value: KeyPath<NotificationLedger.Entry, Value>, _ text: (Value) -> String
  ) -> [JSONLine] {
    var counts: [Value: Int] = [:]
    for client in 0..<hosts.addresses.count {
      for value in Set(ledger.entries(of: client).map { $0[keyPath: value] }) {
        counts[value, default: 0] += 1
      }
    }
    return counts.sorted { $0.key < $1.key }
      .map { JSONLine().with("value", text($0.key)).with("clients", $0.value) }
  }

  /// ``summary``, and every client.
  var whole: String {
    let clients = (0..<hosts.addresses.count).map { client in
      let entries = ledger.entries(of: client).map { entry in
        JSONLine().with("name", printable(ledger.names[entry.name])).with("state", entry.state)
          .with("first_seconds", sinceFirstPacket(entry.firstAt))
          .with("last_seconds", sinceFirstPacket(entry.lastAt))
          .with("udp", entry.overUDP).with("tcp", entry.overTCP)
          .with(
            "source", addressText(ledger.sources[entry.source].address, isIPv6: hosts.addresses.isIPv6)
          )
          .with("port", entry.sourcePort)
      }
      return JSONLine().with("address", hosts.addresses.text(of: client))
        .with("faults", hosts.plan.faults[client].names).with("tellable", hosts.isTellable(client))
        .with("told", ledger.toldAt(client) != nil).with("notifications", entries)
    }
    return JSONLine().with("summary", summary).with("clients", clients).text + "\n"
  }

  private func sinceFirstPacket(_ moment: Int64) -> Double {
    Double(moment - (loop.firstPacketAt ?? moment)) / 1e9
  }

  /// Bytes of a stranger, as they can be shown.
  private func printable(_ name: [UInt8]) -> String { String(decoding: name, as: UTF8.self) }
}
