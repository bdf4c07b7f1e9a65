import Testing

@testable import Cluster
@testable import ClusterSimulator

/// `--dry-run`: what an operator's request would lead to.
@Suite("What a request would lead to (T2, T6, C7, M10)")
struct ForecastOfRequestTests {
  private static let home = name("home")

  private static func name(_ text: String) -> ServiceName {
    ServiceName(text) ?? ClusterShape(seed: 1).services[0].name
  }

  private static func node(_ text: String) -> NodeName { NodeName(text) ?? ClusterShape(seed: 1).nodes[0] }

  /// `a` owns everything, and all beat.
  private func picture(fence: Bool = true, services: [String] = ["home"]) -> ClusterPicture {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b", "c"].compactMap(NodeName.init)
    for service in services {
      shape.addService(service, (service == "solo" ? ["a"] : ["a", "b", "c"]) + (fence ? ["fence"] : []))
    }
    var picture = ClusterPicture(shape: shape)
    for service in services {
      picture.owners[Self.name(service)] = Ownership(
        node: Self.node("a"), epoch: 7, state: .online, boot: "somewhere")
    }
    return picture
  }

  private func request(
    _ action: ServiceRequest.Action, force: Bool = false, confirmed: Bool = false
  ) -> ServiceRequest {
    ServiceRequest(
      id: "r-1", action, isForced: force, fenceConfirmed: confirmed, actor: "root", because: "", askedAt: "")
  }

  private func kinds(_ action: ServiceRequest.Action, _ picture: ClusterPicture) -> [String] {
    let forecast = Forecast.of(request(action), for: Self.home, in: picture)
    #expect(!forecast.isPending)
    return forecast.entries.map(\.kind)
  }

  @Test func everyRequestIsForetoldByItsPlans() {
    let a = picture()
    #expect(kinds(.migrate(to: Self.node("b")), a) == ["release", "adoption"])
    #expect(kinds(.offline, a) == ["release"])
    #expect(kinds(.close(forgets: true), a) == ["release", "closing"])
    #expect(kinds(.failback, a) == ["request"])
    var offline = picture()
    offline.owners[Self.home]?.state = .offline
    #expect(kinds(.close(forgets: true), offline) == ["closing"])
    #expect(kinds(.online, offline) == ["adoption"])
    var unowned = picture()
    unowned.owners = [:]
    unowned.drains[Self.node("a")] = OperatorMark(actor: "root", because: "", since: "")
    #expect(kinds(.open, unowned) == ["opening"])
    var away = picture()
    away.owners[Self.home]?.node = Self.node("c")
    #expect(kinds(.failback, away) == ["release", "adoption"])
  }

  @Test func theEpochsGoOnFromThoseOfTheCluster() throws {
    let forecast = Forecast.of(request(.migrate(to: Self.node("c"))), for: Self.home, in: picture())
    let adoption = try #require(forecast.entries.last)
    #expect(adoption.epoch == 8 && adoption.plan?.node == "c" && adoption.request == "r-1")
    // An owner that releases is not fenced.
    #expect(adoption.plan?.steps.first?.kind == .fence && adoption.plan?.steps.first?.isSkipped == true)
  }

  @Test func aForcedMigrationFencesAnOwnerThatDoesNotBeat() throws {
    var picture = picture()
    picture.silent = [Self.node("a")]
    // Otherwise b, the best candidate, would not wait for anybody's order.
    picture.pause = OperatorMark(actor: "root", because: "", since: "")
    let forecast = Forecast.of(
      request(.migrate(to: Self.node("c")), force: true), for: Self.home, in: picture)
    let adoption = try #require(forecast.entries.first { $0.plan?.node == "c" })
    #expect(adoption.plan?.steps.first?.kind == .fence && adoption.plan?.steps.first?.isSkipped == false)
  }

  /// The one that is asked about comes after what others have asked before.
  @Test func whatWaitsBeforeItComesFirst() {
    var picture = picture()
    var queue = RequestQueue()
    var first = request(.migrate(to: Self.node("b")))
    first.id = "r-0"
    let isQueued = queue.append(first)
    #expect(isQueued)
    picture.requests[Self.home] = queue
    let forecast = Forecast.of(request(.migrate(to: Self.node("c"))), for: Self.home, in: picture)
    #expect(forecast.entries.filter { $0.kind == "adoption" }.map { $0.plan?.node } == ["b", "c"])
  }

  @Test func whatCannotBeEndsWithTheReason() {
    var picture = picture()
    picture.refuse(Self.home, on: Self.node("b"), because: ["its disk is not there"])
    let forecast = Forecast.of(request(.migrate(to: Self.node("b"))), for: Self.home, in: picture)
    #expect(forecast.entries.last?.outcome == "failed")
    #expect(forecast.entries.last?.problem?.contains("its disk is not there") == true)
  }

  @Test func whatWaitsForSomebodyToTakeItSaysSo() {
    var picture = picture()
    picture.owners[Self.home]?.state = .offline
    for node in ["a", "b", "c"] { picture.refuse(Self.home, on: Self.node(node), because: ["no disk"]) }
    #expect(Forecast.of(request(.online), for: Self.home, in: picture).isPending)
  }

  @Test func aDrainMovesOneAfterTheOtherAndLeavesWhatNobodyElseCanTake() {
    let picture = picture(services: ["home", "logs", "solo"])
    let mark = OperatorMark(actor: "root", because: "", since: "")
    let forecast = Forecast.ofDraining(Self.node("a"), mark, in: picture)
    #expect(!forecast.isPending)
    #expect(forecast.entries.map(\.kind) == ["release", "adoption", "release", "adoption"])
    #expect(forecast.entries.map(\.service.text) == ["home", "home", "logs", "logs"])
    #expect(forecast.services.map { $0.ownership?.node.text } == ["b", "b", "a"])
  }

  @Test func aPausedClusterDrainsNothing() {
    var picture = picture()
    picture.pause = OperatorMark(actor: "root", because: "", since: "")
    let mark = OperatorMark(actor: "root", because: "", since: "")
    let forecast = Forecast.ofDraining(Self.node("a"), mark, in: picture)
    #expect(forecast.isPending && forecast.entries.isEmpty)
  }
}
