internal import Cluster

/// Reading of a service's `failback`.
enum NodeFileFailback {
  private static let usualDelay = Duration.seconds(10 * 60)
  private static let forms = "`manual`, `automatic` or {automatic: {after: 10m}}"

  /// `manual`, `automatic` or `{automatic: {after: 10m}}`
  static func read(_ value: NodeFileValue) -> FailbackPolicy? {
    if value.isScalar {
      return value.word(["manual", "automatic"], forms).map { word in
        word == "manual" ? .manual : .automatic(after: usualDelay)
      }
    }
    guard let automatic = value.section(known: ["automatic"])?.required("automatic", forms),
      let options = automatic.section(known: ["after"])
    else { return nil }
    guard let after = options.optional("after") else { return .automatic(after: usualDelay) }
    return after.duration(.seconds(1)...(.seconds(24 * 3600))).map { .automatic(after: $0) }
  }
}
