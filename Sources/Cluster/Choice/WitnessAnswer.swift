/// What somebody other than the store says of a silent owner: its health endpoint, or the NFS server behind the
/// service's address.
public enum WitnessAnswer: Sendable, Equatable {
  /// It serves; what answered, in words.
  case seen(String)
  /// Everything that was asked stayed silent.
  case notSeen
  /// There is nothing to be asked.
  case nobodyToAsk
}

/// What this node has heard of a silent owner from witnesses.
struct Witness: Sendable, Equatable {
  /// Of whom.
  private(set) var owner: NodeName?
  /// The question that is open.
  private var openSince: BootInstant?
  /// The last answer, and when its question was sent.
  private(set) var last: (answer: WitnessAnswer, askedAt: BootInstant)?
  /// The first of the questions that found nobody, one after the other.
  private(set) var silentSince: BootInstant?

  static func == (left: Witness, right: Witness) -> Bool {
    left.owner == right.owner && left.openSince == right.openSince && left.silentSince == right.silentSince
      && left.last?.answer == right.last?.answer && left.last?.askedAt == right.last?.askedAt
  }

  /// Whether to ask now of `owner`; if so the question is open.
  mutating func asks(of owner: NodeName, every pause: Duration, patience: Duration, now: BootInstant) -> Bool
  {
    if self.owner != owner { self = Witness(owner: owner) }
    if let openSince, now - openSince < patience { return false }
    if openSince == nil, let last, now - last.askedAt < pause { return false }
    openSince = now
    return true
  }

  mutating func onAnswer(of owner: NodeName, _ answer: WitnessAnswer) {
    guard self.owner == owner, let askedAt = openSince else { return }
    openSince = nil
    last = (answer, askedAt)
    if case .seen = answer { silentSince = nil } else { silentSince = silentSince ?? askedAt }
  }

  private init(owner: NodeName) { self.owner = owner }

  init() {}
}
