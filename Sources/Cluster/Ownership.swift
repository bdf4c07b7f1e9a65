/// Who owns a service: the value of `services/<service>/owner`, the one key that decides.
///
/// Changed by compare-and-set only. The epoch grows with every change of owner and is the fencing token:
/// every later write to the service's keys compares these bytes in the same transaction.
public struct Ownership: Sendable, Equatable {
  /// What the owner does with the service.
  public enum State: String, Sendable, Codable {
    /// Claimed; the adoption plan runs.
    case adopting
    /// Served.
    case online
    /// The release plan runs.
    case releasing
    /// Nobody serves it; free to be claimed.
    case released
    /// Nobody serves it, and nobody claims it before an operator asks for it.
    case offline
    /// As ``offline``, and taken out of the cluster: what is left are epoch and state number, which never go back.
    case closed

    /// The node in the key has something of it.
    public var isOwned: Bool {
      switch self {
      case .adopting, .online, .releasing: true
      case .released, .offline, .closed: false
      }
    }
  }

  /// The owner, or the last one where the state is not ``State/isOwned``.
  public var node: NodeName
  /// Counts up from 1; never above ``largestEpoch``.
  public var epoch: UInt64
  /// What the owner does.
  public var state: State
  /// The boot of the owner's machine under which it claimed: after a reboot nothing of it runs any more.
  public var boot: String
  /// For a released service: who shall take it; the others hold back.
  public var reservedFor: NodeName?
  /// The release is the service's automatic return to its home: planned, and no sign of trouble.
  public var isFailback: Bool
  /// Former owners that did not release it and are not yet confirmed to be off. Whoever claims it from a claimant
  /// that died before its fence owes theirs as well.
  public var unfenced: [NodeName]
  /// At whom the adoption that goes on has failed: they are not asked again at once.
  public var tried: [NodeName]
  /// How often its own node has written the key anew within its epoch, so that what it had sent before and nobody knows
  /// the end of compares with a value that is gone. Only grows within an epoch.
  public var generation: Int
  /// The last adoptions that nobody had asked for, as seconds before the claim of this epoch: whoever adds the time
  /// since then needs no clock that all nodes share.
  public var automatic: [Int]

  /// An ownership.
  public init(
    node: NodeName, epoch: UInt64, state: State, boot: String, reservedFor: NodeName? = nil,
    isFailback: Bool = false, unfenced: [NodeName] = [], tried: [NodeName] = [], generation: Int = 0,
    automatic: [Int] = []
  ) {
    self.node = node
    self.epoch = epoch
    self.state = state
    self.boot = boot
    self.reservedFor = reservedFor
    self.isFailback = isFailback
    self.unfenced = unfenced
    self.tried = tried
    self.generation = generation
    self.automatic = automatic
  }

  /// Nobody changes owner that often: a greater number in the store is damage, and leaves no room for the next.
  public static let largestEpoch = UInt64(Int64.max)

  /// A greater one in the store is damage.
  private static let largestGeneration = 1_000_000_000

  /// Reads what ``bytes`` wrote; nil where it is something else.
  public init?(bytes: [UInt8]) {
    guard let fields = FieldText(bytes), let node = fields["node"].flatMap(NodeName.init),
      let epoch = fields["epoch"].flatMap({ UInt64($0) }), (1...Self.largestEpoch).contains(epoch),
      let state = fields["state"].flatMap(State.init), let boot = fields["boot"]
    else { return nil }
    self.init(
      node: node, epoch: epoch, state: state, boot: boot, reservedFor: fields["for"].flatMap(NodeName.init),
      isFailback: fields["failback"] == "true", unfenced: Self.names(fields["unfenced"]),
      tried: Self.names(fields["tried"]),
      generation: fields["generation"].flatMap { Int($0) }.map { min(max($0, 0), Self.largestGeneration) }
        ?? 0,
      automatic: (fields["automatic"] ?? "").split(separator: " ").prefix(FlapLimit.most).compactMap {
        Int($0).flatMap { (0...1_000_000_000).contains($0) ? $0 : nil }
      })
  }

  /// The same owner still has the service, under the same epoch: what one of them may write, the other may as well.
  public func isSameTenure(as other: Ownership?) -> Bool {
    state.isOwned && node == other?.node && epoch == other?.epoch && boot == other?.boot
  }

  /// The same in its next generation.
  public var renewed: Ownership {
    var next = self
    next.generation = generation < Self.largestGeneration ? generation + 1 : 0
    return next
  }

  /// The same owner wrote `other` later, under the same epoch.
  func isOlder(than other: Ownership) -> Bool {
    node == other.node && epoch == other.epoch && generation < other.generation
  }

  /// As it stands in the store.
  public var bytes: [UInt8] {
    var fields = FieldText()
    fields.append("node", node.text)
    fields.append("epoch", String(epoch))
    fields.append("state", state.rawValue)
    fields.append("boot", boot)
    if let reservedFor { fields.append("for", reservedFor.text) }
    if isFailback { fields.append("failback", "true") }
    if !unfenced.isEmpty { fields.append("unfenced", unfenced.map(\.text).joined(separator: " ")) }
    if !tried.isEmpty { fields.append("tried", tried.map(\.text).joined(separator: " ")) }
    if generation > 0 { fields.append("generation", String(generation)) }
    if !automatic.isEmpty { fields.append("automatic", automatic.map(String.init).joined(separator: " ")) }
    return fields.bytes
  }

  private static func names(_ text: String?) -> [NodeName] {
    (text ?? "").split(separator: " ").compactMap { NodeName(String($0)) }
  }
}
