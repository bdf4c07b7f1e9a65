public import Cluster

/// What every node that knows a service must say of it alike, as text that two nodes can compare.
///
/// Commands, the interface, probes and paths are each node's own affair: the fence of one node names another, and
/// interfaces are called differently from machine to machine. What two nodes may not see differently is who may
/// own the service, under which names and address, and after how long an owner is dead.
public enum ClusterDefinition {
  /// The keys of one service and the timings that its ownership depends on, with their values.
  public static func values(
    of service: ServiceConfiguration, beats: BeatTimings, mirror: MirrorTimings
  ) -> [String: String] {
    var values = service.definition
    values["beats.interval"] = DurationText.text(beats.interval)
    values["beats.store_timeout"] = DurationText.text(beats.storeTimeout)
    values["beats.lease"] = DurationText.text(beats.lease)
    values["beats.margin"] = DurationText.text(beats.margin)
    values["beats.stop_time"] = DurationText.text(beats.stopTime)
    values["beats.daemon_stop_grace"] = DurationText.text(beats.daemonStopGrace)
    values["mirror.grace_period"] = DurationText.text(mirror.gracePeriod)
    values["mirror.departure_delay"] = DurationText.text(mirror.departureDelay)
    return values
  }

  /// Lines `key: value`, sorted by key, each ending with a newline. Neither keys nor values contain a newline.
  public static func text(_ values: [String: String]) -> String {
    values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\n" }.joined()
  }

  /// Reads ``text(_:)``. Lines that are none are left out; of a key that is there twice the last counts.
  public static func values(in text: String) -> [String: String] {
    var values: [String: String] = [:]
    for line in text.split(separator: "\n") {
      guard let colon = line.firstRange(of: ": ") else { continue }
      values[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
    }
    return values
  }

  /// One sentence per key for which two texts differ, sorted by key: `beats.lease: 4s here, 6s there`.
  public static func disagreements(here: String, there: String) -> [String] {
    let (ours, theirs) = (values(in: here), values(in: there))
    return Set(ours.keys).union(theirs.keys).sorted().compactMap { key in
      guard ours[key] != theirs[key] else { return nil }
      return "\(key): \(ours[key] ?? "nothing") here, \(theirs[key]?.printable ?? "nothing") there"
    }
  }
}

extension ServiceConfiguration {
  /// What every node must say alike of this service, without timings; see ``ClusterDefinition``.
  public var canonicalText: String { ClusterDefinition.text(definition) }

  /// With the timings that its ownership depends on.
  public func canonicalText(beats: BeatTimings, mirror: MirrorTimings) -> String {
    ClusterDefinition.text(ClusterDefinition.values(of: self, beats: beats, mirror: mirror))
  }

  fileprivate var definition: [String: String] {
    var values = [
      "name": name.text, "home": home.text, "candidates": candidates.map(\.text).joined(separator: ", "),
      "names": names.joined(separator: ", "),
    ]
    switch address {
    case .interface(let addresses):
      values["address"] = addresses.map(\.address).joined(separator: ", ")
      values["prefix_length"] = addresses.map { String($0.prefixLength) }.joined(separator: ", ")
    case .command(let address, _, _): values["address"] = address
    case nil: values["address"] = "none"
    }
    // The next owner would not know the clients.
    if isolation?.clientRecords != nil { values["nfs4"] = "yes" }
    if election != .race { values["election"] = election.rawValue }
    values["fence"] = fence == .none ? "none" : "command"
    switch failback {
    case .manual: values["failback"] = "manual"
    case .automatic(let after): values["failback"] = "automatic after \(DurationText.text(after))"
    }
    return values
  }
}
