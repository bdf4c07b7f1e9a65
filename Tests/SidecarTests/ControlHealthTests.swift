import Foundation
import Testing

@testable import Sidecar

@Suite("What monitors are told (M9's place, B1)")
struct ControlHealthTests {
  private func answer(
    _ path: String, _ services: [String] = [], method: String = "GET",
    _ change: (inout NodeStatus) -> Void = { _ in }
  ) -> HealthAnswer {
    var status = NodeStatus.well
    change(&status)
    return HealthAnswer.to(method: method, path: path, services: services, status: status)
  }

  private func reasons(_ answer: HealthAnswer) -> [String] {
    if case .report(let report) = answer.content { report.reasons } else { ["no report"] }
  }

  @Test func aNodeThatIsWellAnswers200() {
    for path in ["/health", "/liveness", "/readiness"] {
      let answer = answer(path)
      #expect(answer.code == 200)
      let report = HealthReport(check: String(path.dropFirst()), ok: true, node: "a", reasons: [])
      #expect(answer.content == .report(report))
    }
    #expect(answer("/status").content == .status(.well))
    #expect(answer("/metrics") == HealthAnswer(code: 200, content: .metrics(.well)))
    let primary = HealthReport(
      check: "primary", ok: true, node: "a", service: "home", owner: "a", reasons: [])
    #expect(answer("/primary", ["home"]) == HealthAnswer(code: 200, content: .report(primary)))
    let candidate = HealthReport(
      check: "candidate", ok: true, node: "a", service: "work", owner: "b", reasons: [])
    #expect(answer("/candidate", ["work"]) == HealthAnswer(code: 200, content: .report(candidate)))
  }

  @Test func healthIsHealthyAndBeating() {
    let sick = answer("/health") { status in
      status.health.healthy = false
      status.health.beating = false
      status.health.reasons = ["nfs v3 tcp on 127.0.0.1: no answer within 1s"]
    }
    #expect(sick.code == 503)
    #expect(reasons(sick) == ["nfs v3 tcp on 127.0.0.1: no answer within 1s"])
    #expect(reasons(answer("/health") { $0.health.beating = false }) == ["no beats are written"])
    #expect(reasons(answer("/health") { $0.health.healthy = false }) == ["unhealthy"])
  }

  @Test func livenessKnowsOnlyTheLoop() {
    let stalled = answer("/liveness") { $0.health.loopAgeMilliseconds = 4001 }
    #expect(stalled.code == 503)
    #expect(reasons(stalled) == ["the daemon's main loop last ran 4001 ms ago, more than 4000 ms"])
    #expect(answer("/liveness") { $0.health.loopAgeMilliseconds = 4000 }.code == 200)
    let storeless = answer("/liveness") { status in
      status.store.reachable = false
      status.health.healthy = false
    }
    #expect(storeless.code == 200)
  }

  @Test("A stalled daemon's status proves nothing", arguments: ["/health", "/readiness", "/primary"])
  func aStalledLoopIsNoProof(path: String) {
    let services = path == "/primary" ? ["home"] : []
    #expect(answer(path, services) { $0.health.loopAgeMilliseconds = 10_000 }.code == 503)
    #expect(answer("/candidate", ["work"]) { $0.health.loopAgeMilliseconds = 10_000 }.code == 503)
  }

  @Test func readinessIsStoreMirrorAndAgreement() {
    #expect(reasons(answer("/readiness") { $0.state = "starting" }) == ["the daemon is starting"])
    let storeless = answer("/readiness") { status in
      status.store.reachable = false
      status.store.problem = "no answer within 1s"
    }
    #expect(storeless.code == 503)
    #expect(reasons(storeless) == ["the store directory:/srv/lockferry does not answer: no answer within 1s"])
    #expect(answer("/readiness") { $0.services[0].mirror?.lagMilliseconds = 29_999 }.code == 200)
    let lagging = answer("/readiness") { $0.services[0].mirror?.lagMilliseconds = 30_000 }
    #expect(lagging.code == 503)
    #expect(reasons(lagging)[0].contains("service home: the mirror lags 30000 ms"))
    let differing = answer("/readiness") { $0.peers[0].disagreements = ["beats.lease: 4s here, 6s there"] }
    #expect(reasons(differing) == ["node b is configured differently: beats.lease: 4s here, 6s there"])
  }

  @Test func onlyTheOwnerThatServesIsPrimary() {
    #expect(reasons(answer("/primary", ["work"])) == ["node b owns service work"])
    let adopting = answer("/primary", ["home"]) { $0.services[0].state = "adopting" }
    #expect(adopting.code == 503)
    #expect(reasons(adopting) == ["service home is adopting"])
    let unowned = answer("/primary", ["home"]) { $0.services[0].owner = nil }
    #expect(reasons(unowned) == ["nobody owns service home"])
  }

  @Test func aNodeThatCouldNotAdoptSaysWhy() {
    #expect(reasons(answer("/candidate", ["home"])) == ["node a owns service home"])
    let unable = answer("/candidate", ["work"]) { status in
      status.services[1].candidate = false
      status.services[1].whyNotCandidate = ["unhealthy", "rpc.statd does not answer"]
    }
    #expect(unable.code == 503)
    #expect(reasons(unable) == ["unhealthy", "rpc.statd does not answer"])
  }

  @Test func theOnlyServiceNeedsNoName() {
    #expect(answer("/primary").code == 400)
    #expect(answer("/primary", ["home", "work"]).code == 400)
    #expect(answer("/primary") { $0.services.removeLast() }.code == 200)
    #expect(answer("/primary", ["nothing"]).code == 404)
    #expect(answer("/primary") { $0.services = [] }.code == 400)
  }

  @Test func otherPathsAndMethodsAreRefused() {
    for path in ["/", "/metrics/", "/health/", "/Health", "/v1/status"] { #expect(answer(path).code == 404) }
    for method in ["POST", "PUT", "DELETE", "TRACE"] {
      let answer = answer("/health", method: method)
      #expect(answer.code == 405)
      #expect(answer.allowedMethods == ["GET", "HEAD", "OPTIONS"])
    }
  }

  @Test("HEAD and OPTIONS say the code alone", arguments: ["HEAD", "OPTIONS"])
  func headAndOptions(method: String) {
    let cases: [(String, [String], Int)] = [
      ("/health", [], 200), ("/status", [], 200), ("/metrics", [], 200), ("/primary", ["home"], 200),
      ("/primary", ["work"], 503),
      ("/primary", ["nothing"], 404), ("/nothing", [], 404),
    ]
    for (path, services, code) in cases {
      #expect(answer(path, services, method: method) == HealthAnswer(code: code, content: .none))
    }
  }
}
