/// Whether this node is overloaded by the operator's rule: above its limit for a while, and no longer once it was
/// below for as long. A load that comes and goes is none.
public struct OverloadJudge: Sendable {
  private let hold: Duration
  private var changesSince: BootInstant?
  /// The judgement after the last sample.
  public private(set) var isOverloaded = false
  /// Why, by the last sample that was above.
  public private(set) var reason = ""

  /// - Parameter hold: how long a change has to last before it counts.
  public init(hold: Duration) {
    self.hold = hold
  }

  /// A sample; `problem` is nil where it is below the limit. True where the judgement has changed.
  public mutating func onSample(_ problem: String?, now: BootInstant) -> Bool {
    if let problem { reason = problem }
    guard (problem != nil) != isOverloaded else {
      changesSince = nil
      return false
    }
    let since = changesSince ?? now
    changesSince = since
    guard now - since >= hold else { return false }
    isOverloaded.toggle()
    changesSince = nil
    return true
  }
}
