/// The requests for one service, oldest first: the value of `services/<service>/requests`.
///
/// The first one is whose turn it is. A request joins by compare-and-set of the whole value, and leaves it in the
/// very transaction that writes how it ended, so that none is lost and none is carried out twice. One value and not
/// a key for each: who looks sees all of them as of one moment.
public struct RequestQueue: Sendable, Equatable {
  /// No more than this many wait: who asks more often than the service moves has another problem.
  public static let most = 16

  /// Oldest first.
  public private(set) var requests: [ServiceRequest] = []

  /// Nobody asks for anything.
  public init() {}

  /// Reads what ``bytes`` wrote: requests with an empty line between two of them. Nil where anything in it is
  /// something else.
  public init?(bytes: [UInt8]) {
    guard bytes.count <= 65_536 else { return nil }
    var block: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) + [[]] {
      guard line.isEmpty else {
        block += line + [UInt8(ascii: "\n")]
        continue
      }
      guard !block.isEmpty else { continue }
      guard let request = ServiceRequest(bytes: block) else { return nil }
      requests.append(request)
      block = []
    }
  }

  /// As it stands in the store; nil, an absent key, where nobody asks for anything.
  public var bytes: [UInt8]? {
    requests.isEmpty ? nil : Array(requests.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
  }

  /// Whose turn it is.
  public var first: ServiceRequest? { requests.first }

  /// `request` waits its turn. False where there are ``most`` already.
  public mutating func append(_ request: ServiceRequest) -> Bool {
    guard requests.count < Self.most else { return false }
    requests.append(request)
    return true
  }

  /// The request `id` has ended. False where it is not there: it has ended before.
  public mutating func remove(_ id: String) -> Bool {
    guard let index = requests.firstIndex(where: { $0.id == id }) else { return false }
    requests.remove(at: index)
    return true
  }

  /// Why request `id` can't be taken back while the owner key says `ownership`; nil where it can.
  ///
  /// Whoever takes it back compares queue and owner key as they were looked at here, and whoever begins to carry it
  /// out changes the owner key and compares the queue: one of them fails.
  public func whyNotCancel(_ id: String, _ ownership: Ownership?) -> String? {
    guard requests.contains(where: { $0.id == id }) else {
      return "no request \(id) waits: see `lockferry history`"
    }
    guard first?.id == id, let state = ownership?.state, [.adopting, .releasing, .released].contains(state)
    else { return nil }
    return "its turn has come, and the service is \(state.rawValue): wait for the end"
  }

  /// Which request ends with the last step of `plan`: the one that it was made for, or one whose turn it is and
  /// whose wish has come true by it.
  public func answered(by plan: Plan) -> ServiceRequest? {
    guard let first else { return nil }
    let isFulfilled =
      switch (plan.outcome, first.action) {
      case (.online, .migrate(let target)): first.id == plan.request || target.text == plan.node
      case (.online, .failback): first.id == plan.request
      case (.online, .open), (.online, .online), (.offline, .offline), (.closed, .close): true
      default: false
      }
    return isFulfilled ? first : nil
  }
}
