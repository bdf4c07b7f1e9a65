import Cluster
import Foundation
import Logging
import NodeHost
import Synchronization
import Testing

@testable import Sidecar

@Suite("Other equipment may report a node's health, with a token (M9)")
struct ReportDoorTests {
  private static let token = "0123456789abcdef"

  private func withToken(
    _ text: String = token + "\nsecond line\n", mode: Int = 0o600,
    _ body: (ReportDoor, ScriptedDaemon) async throws -> Void
  ) async throws {
    let path = NSTemporaryDirectory() + "/token-\(UUID())"
    #expect(
      FileManager.default.createFile(
        atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode]))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let daemon = ScriptedDaemon()
    let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    try await body(ReportDoor(tokenFile: path, service: daemon, log: log), daemon)
  }

  private func question(_ authorization: String?, _ body: String, method: String = "POST") -> HTTPQuestion {
    HTTPQuestion(
      method: method, path: "/v1/health-reports", body: Array(body.utf8), authorization: authorization)
  }

  private static let report = #"{"node": "a", "state": "unhealthy", "because": "fan"}"#

  @Test func theTokenIsAsked() async throws {
    try await withToken { door, daemon in
      let wrong = [
        nil, "", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0", Self.token,
        "Basic 0123456789abcdef",
      ]
      for header in wrong { #expect(await door.answer(question(header, Self.report)).code == 401) }
      #expect(daemon.reports.withLock { $0.isEmpty })
      #expect(await door.answer(question("Bearer " + Self.token, Self.report)).code == 200)
      let said = daemon.reports.withLock { $0 }
      #expect(said.map(\.request.source) == ["http"])
      // Who has the token can't pretend to be somebody on the machine.
      #expect(said.map(\.actor) == ["bearer token"])
    }
  }

  @Test func whatMakesNoSenseIsRefused() async throws {
    try await withToken { door, _ in
      let header = "Bearer " + Self.token
      #expect(await door.answer(question(header, "nonsense")).code == 400)
      #expect(await door.answer(question(header, Self.report, method: "GET")).code == 405)
      let unknown = #"{"node": "none", "state": "unhealthy", "because": "fan"}"#
      #expect(await door.answer(question(header, unknown)).code == 404)
    }
  }

  @Test("A token that others can read, or guess, opens nothing", arguments: [0o644, 0o640, 0o620])
  func unsafeMode(mode: Int) async throws {
    try await withToken(mode: mode) { door, daemon in
      #expect(await door.answer(question("Bearer " + Self.token, Self.report)).code == 503)
      #expect(daemon.reports.withLock { $0.isEmpty })
    }
    try await withToken("short\n") { door, _ in
      #expect(await door.answer(question("Bearer short", Self.report)).code == 503)
    }
  }

  @Test func whichAddressesOthersCanAsk() {
    func reachable(_ host: String, _ port: Int = 9943) -> String? {
      HealthConfiguration(listenHost: host, listenPort: port, interval: .seconds(1), failures: 3, probes: [])
        .reachableAddress
    }
    #expect(reachable("10.0.0.1") == "10.0.0.1:9943")
    #expect(reachable("fd00::1") == "[fd00::1]:9943")
    for host in ["127.0.0.1", "::1", "0.0.0.0", "::", "localhost", "fe80::1"] {
      #expect(reachable(host) == nil)
    }
    #expect(reachable("10.0.0.1", 0) == nil)
  }
}
