import ClusterSimulator

/// What was played.
struct Summary: Sendable {
  var seeds = 0
  var simulatedMicroseconds = 0
  var checks = 0
  var events = 0
  var claims = 0
  var locks = 0
  var told = 0
  var permissions: [Permission: Int] = [:]
  /// The failing run with the lowest seed.
  var broken: Ordeal.Report?
  var took = Duration.zero

  mutating func add(_ report: Ordeal.Report) {
    seeds += 1
    simulatedMicroseconds += report.simulated
    checks += report.checks
    events += report.events
    claims += report.claims
    locks += report.locksGranted
    told += report.clientsTold
    permissions.merge(report.permissions, uniquingKeysWith: +)
    if report.violation != nil { keep(report) }
  }

  mutating func add(_ other: Summary) {
    seeds += other.seeds
    simulatedMicroseconds += other.simulatedMicroseconds
    checks += other.checks
    events += other.events
    claims += other.claims
    locks += other.locks
    told += other.told
    permissions.merge(other.permissions, uniquingKeysWith: +)
    if let report = other.broken { keep(report) }
  }

  private mutating func keep(_ report: Ordeal.Report) {
    if let broken, broken.schedule.seed <= report.schedule.seed { return }
    broken = report
  }

  var text: String {
    let years = Double(simulatedMicroseconds) / 1e6 / 86_400 / 365.25
    let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    var lines = [
      "\(seeds) seeds in \(rounded(seconds)) s (\(rounded(Double(seeds) / max(seconds, 0.001))) a second), "
        + "\(rounded(years)) simulated years, \(events) events",
      "  invariants checked \(checks) times; \(claims) claims, \(locks) locks granted, \(told) notifications heard",
    ]
    for permission in Permission.allCases {
      guard let count = permissions[permission] else { continue }
      lines.append("  permitted \(count) times: \(permission.rawValue)")
    }
    lines.append(broken.flatMap(\.violation).map { "BROKEN: \($0)" } ?? "no invariant is broken")
    return lines.joined(separator: "\n")
  }

  private func rounded(_ value: Double) -> String {
    let thousandths = Int((value * 1000).rounded())
    let decimals = String(thousandths % 1000)
    return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
  }
}
