import HostTestKit

/// One story that ends with the kernels' verdict.
struct Scenario: Sendable {
  /// What `SCENARIO=` says.
  let name: String
  /// One line for the reader.
  let what: String
  /// The node file's fence.
  var fence = Scenario.powerFence
  /// The subject of the issue that will make it pass; nil for what must pass today.
  var expectedToFail: String?
  /// Plays it on machines that are still switched off.
  let play: @Sendable (Site) async throws -> Outcome

  /// The lab cuts the peer's power.
  static let powerFence = "{command: [@SCRIPTS@/fence.sh, @PEER@], timeout: 30s}"

  /// All of them, in the order of the table.
  static let all = [crash, migrate]

  /// 1. The power of the primary is cut.
  static let crash = Scenario(name: "crash", what: "the primary's power is cut") { site in
    let held = try await site.begin()
    try await site.a.powerCut()
    site.note("power of a is cut")
    try await site.waitUntilOnline(site.b)
    site.note("service online on b")
    return try await site.judge(on: site.b, heldBefore: held)
  }

  /// 5. An operator moves the healthy service there and back.
  static let migrate = Scenario(name: "migrate", what: "lockferry migrate to b, and back to a") { site in
    let held = try await site.begin()
    for (from, to) in [(site.a, site.b), (site.b, site.a)] {
      try await from.run(
        "$lab_programs/lockferry migrate home --to \(to.name) --wait --timeout 3m", within: .seconds(240))
      try await site.waitUntilOnline(to)
      site.note("service online on \(to.name)")
      try await site.waitUntilGraceEnds(on: to)
      try await site.waitForAnswers(2)
      let now = try await site.locksHeld(on: to)
      site.note("\(now) locks on \(to.name)")
      guard now == held else { return try await site.judge(on: to, heldBefore: held) }
      try await site.waitUntilMirrored(to)
    }
    return try await site.judge(on: site.a, heldBefore: held)
  }
}
