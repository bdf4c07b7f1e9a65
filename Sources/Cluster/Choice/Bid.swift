/// What a candidate offers in a vote: the value of `services/<service>/bids/<epoch>/<node>`.
public struct Bid: Sendable, Equatable {
  /// As the operator wrote it for this node; the highest wins.
  public var priority: Int
  /// The load of its machine; of equal priorities the lowest wins. Nil where it could not be measured: the last of them.
  public var load: Load?
  /// Which run of the bidder's daemon: what an earlier one has bid counts for nothing.
  public var run: String
  /// What the vote is about, as ``Ballot`` says: a bid for another occasion counts for nothing.
  public var occasion: String

  /// A bid.
  public init(priority: Int, load: Load?, run: String, occasion: String) {
    self.priority = priority
    self.load = load
    self.run = run
    self.occasion = occasion
  }

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let priority = fields["priority"].flatMap({ Int($0) }),
      Self.priorities.contains(priority), let run = fields["run"], let occasion = fields["occasion"]
    else { return nil }
    self.init(
      priority: priority, load: fields["load_percent"].flatMap { Int($0) }.flatMap(Load.init(percent:)),
      run: run, occasion: occasion)
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("priority", String(priority))
    if let load { fields.append("load_percent", String(load.percent)) }
    fields.append("run", run)
    fields.append("occasion", occasion)
    return fields.bytes
  }

  /// What an operator may write.
  public static let priorities = 0...1000
  /// What holds where the operator writes none.
  public static let usualPriority = 100

  /// It wins against `other`; nil where the two are equal, and the order of the candidates decides.
  func beats(_ other: Bid) -> Bool? {
    if priority != other.priority { return priority > other.priority }
    let (own, others) = (load?.step ?? .max, other.load?.step ?? .max)
    return own == others ? nil : own < others
  }
}

/// How much a machine has to do: its load average for each processor.
public struct Load: Sendable, Equatable {
  /// Of one processor, 0 to 100,000.
  public var percent: Int

  /// Nil where it is out of range.
  public init?(percent: Int) {
    guard (0...100_000).contains(percent) else { return nil }
    self.percent = percent
  }

  /// Of the load average (getloadavg(3)) for each processor; nil where it makes no sense.
  public init?(average: Double) {
    guard average.isFinite, average >= 0 else { return nil }
    self.init(percent: Int(min(average, 1000) * 100))
  }

  /// Loads that differ by less than a quarter of a processor say nothing: then the order of the candidates shall count.
  var step: Int { percent / 25 }
}
