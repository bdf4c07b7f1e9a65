/// The reports that the store holds, each with the moment at which this node first saw it.
struct ReportBook: Sendable {
  struct Entry: Sendable {
    var report: NodeReport?
    var bytes: [UInt8]
    var seenAt: BootInstant

    /// What can't be read goes like what is over, but not at once: a newer version may have written it.
    var endsAt: BootInstant {
      seenAt + (report.map { .milliseconds($0.forMilliseconds) } ?? .seconds(3600))
    }
  }

  private var entries: [ReportKey: Entry] = [:]

  mutating func onLook(_ found: [ReportKey: [UInt8]], now: BootInstant) {
    entries = entries.filter { found[$0.key] == $0.value.bytes }
    for (key, bytes) in found where entries[key] == nil {
      entries[key] = Entry(
        report: NodeReport(node: key.node, source: key.source, bytes: bytes), bytes: bytes, seenAt: now)
    }
  }

  /// What counts of `node`, by source.
  func current(of node: NodeName, now: BootInstant) -> [NodeReport] {
    entries.filter { $0.key.node == node && now < $0.value.endsAt }.sorted { $0.key.source < $1.key.source }
      .compactMap(\.value.report)
  }

  /// Everything that counts, with how long it still does.
  func all(now: BootInstant) -> [(report: NodeReport, left: Duration)] {
    entries.sorted { ($0.key.node, $0.key.source) < ($1.key.node, $1.key.source) }.compactMap { _, entry in
      guard let report = entry.report, now < entry.endsAt else { return nil }
      return (report, entry.endsAt - now)
    }
  }

  /// What may leave the store.
  func expired(now: BootInstant) -> [ReportKey: [UInt8]] {
    entries.filter { now >= $0.value.endsAt }.mapValues(\.bytes)
  }
}

/// Where a report lies.
public struct ReportKey: Sendable, Hashable {
  /// Of whom.
  public var node: NodeName
  /// By whom.
  public var source: String

  /// A place.
  public init(node: NodeName, source: String) {
    self.node = node
    self.source = source
  }
}
