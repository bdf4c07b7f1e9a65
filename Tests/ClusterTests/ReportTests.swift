import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Whatever is said of a node takes one path (C2, M9, M10)")
struct ReportTests {
  private static func report(
    _ node: NodeName, _ state: NodeReport.State = .unhealthy, source: String = "pdu",
    lasts: Duration = .seconds(60)
  ) -> [ReportKey: [UInt8]] {
    let report = NodeReport(
      node: node, source: source, state: state, because: "fan failed", actor: "token", at: "now",
      forMilliseconds: lasts.wholeMilliseconds)
    return [ReportKey(node: node, source: source): report.bytes]
  }

  /// Every living node sees what the store holds.
  private static func pass(_ world: inout SmallWorld, _ reports: [ReportKey: [UInt8]], _ duration: Duration) {
    let end = world.now + duration
    while world.now < end {
      for name in world.nodes.keys where world.nodes[name]?.isDead == false {
        world.nodes[name]?.instance.onReports(reports, now: world.now)
      }
      world.pass(.milliseconds(500))
    }
  }

  @Test func anOwnerThatIsReportedGivesItsServiceAwayAndBeatsOn() throws {
    var world = SmallWorld.serving()
    Self.pass(&world, Self.report("a"), .seconds(3))
    #expect(world.isServed(by: "b"))
    let release = try #require(world.transitions("a").first)
    #expect(release.plan.because == "a was reported unhealthy by pdu: fan failed")
    let renewals = world.nodes["a"]?.renewals ?? 0
    Self.pass(&world, Self.report("a"), .seconds(5))
    #expect((world.nodes["a"]?.renewals ?? 0) > renewals)
    // Nothing goes to it meanwhile, and everybody knows why.
    world.nodes["b"]?.isDead = true
    Self.pass(&world, Self.report("a"), .seconds(6))
    #expect(world.isServed(by: "c"))
    let reasons = world.nodes["c"]?.instance.whyNotEligible("a", for: "home")
    #expect(reasons == ["reported unhealthy by pdu: fan failed"])
  }

  @Test func whereNobodyElseCanItServesOn() {
    var world = SmallWorld.serving(nodes: ["a", "b"])
    world.input("b") { $0.onHealth(.unhealthy(["sick"]), now: $1) }
    world.pass(.seconds(6))
    Self.pass(&world, Self.report("a"), .seconds(10))
    #expect(world.isServed(by: "a"))
  }

  @Test func aReportedNodeTakesWhatNobodyElseCan() {
    var world = SmallWorld.serving(services: [.named(candidates: ["a", "b"])], nodes: ["a", "b"])
    world.nodes["a"]?.isDead = true
    Self.pass(&world, Self.report("b"), .seconds(7))
    #expect(world.isServed(by: "b"))
  }

  @Test func aReportAboutADeadOwnerIsEvidenceAndNoDecision() throws {
    var world = SmallWorld.serving()
    world.nodes["a"]?.isDead = true
    Self.pass(&world, Self.report("a"), .milliseconds(3500))
    #expect(world.owner()?.node == "a")
    Self.pass(&world, Self.report("a"), .seconds(3))
    let claim = try #require(world.transitions("b").first)
    #expect(claim.plan.because == "a missed 8 beats; reported unhealthy by pdu: fan failed")
  }

  @Test func reportsEndByTheClockOfWhoeverReadsThem() {
    var book = ReportBook()
    let found = Self.report("a", lasts: .seconds(10))
    book.onLook(found, now: at(.seconds(100)))
    book.onLook(found, now: at(.seconds(109)))
    #expect(book.current(of: "a", now: at(.seconds(109))).count == 1)
    #expect(book.expired(now: at(.seconds(109))).isEmpty)
    #expect(book.current(of: "a", now: at(.seconds(110))).isEmpty)
    #expect(book.expired(now: at(.seconds(110))) == found)
    // One that was renewed counts anew.
    var renewed = found
    for key in found.keys {
      var report = NodeReport(node: "a", source: "pdu", bytes: found[key] ?? [])
      report?.at = "later"
      renewed[key] = report?.bytes
    }
    book.onLook(renewed, now: at(.seconds(110)))
    #expect(book.current(of: "a", now: at(.seconds(119))).count == 1)
    book.onLook([:], now: at(.seconds(119)))
    #expect(book.current(of: "a", now: at(.seconds(119))).isEmpty)
  }

  @Test func healthyIsShownAndMovesNothing() {
    var world = SmallWorld.serving()
    Self.pass(&world, Self.report("a", .healthy), .seconds(5))
    #expect(world.isServed(by: "a"))
    #expect(world.nodes["b"]?.instance.currentReports(now: world.now).count == 1)
  }

  @Test func anOverloadedNodeGivesOneServiceAwayAfterTheOther() {
    var world = SmallWorld.serving(services: [.named("home"), .named("logs")])
    world.finishesPlans = true
    Self.pass(&world, Self.report("a", .overloaded, source: "overload", lasts: .seconds(3600)), .seconds(60))
    #expect(world.isServed(by: "b", "home"))
    #expect(world.isServed(by: "a", "logs"))
    Self.pass(&world, Self.report("a", .overloaded, source: "overload", lasts: .seconds(3600)), .seconds(250))
    #expect(world.isServed(by: "b", "logs"))
  }

  @Test func overloadHasToLast() {
    var judge = OverloadJudge(hold: .seconds(60))
    let problem = "load 3 for each processor"
    #expect(judge.onSample(problem, now: at(.seconds(0))) == false)
    #expect(judge.onSample(problem, now: at(.seconds(50))) == false)
    // It comes and goes.
    #expect(judge.onSample(nil, now: at(.seconds(55))) == false)
    #expect(judge.onSample(problem, now: at(.seconds(60))) == false)
    #expect(judge.onSample(problem, now: at(.seconds(119))) == false)
    #expect(judge.onSample(problem, now: at(.seconds(120))) == true)
    #expect(judge.isOverloaded && judge.reason == problem)
    #expect(judge.onSample(nil, now: at(.seconds(130))) == false)
    #expect(judge.onSample(nil, now: at(.seconds(190))) == true)
    #expect(!judge.isOverloaded)
  }

  @Test func whatIsNoReportIsNone() {
    #expect(NodeReport(node: "a", source: "pdu", bytes: bytes("nonsense")) == nil)
    var report = NodeReport(
      node: "a", source: "pdu", state: .unhealthy, because: "two\nlines", actor: "x", at: "now",
      forMilliseconds: 1000)
    #expect(NodeReport(node: "a", source: "pdu", bytes: report.bytes)?.because == "two lines")
    report.forMilliseconds = 0
    #expect(NodeReport(node: "a", source: "pdu", bytes: report.bytes) == nil)
  }
}
