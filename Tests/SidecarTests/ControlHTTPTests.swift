import Foundation
import Logging
import NodeHost
import ServiceLifecycle
import Synchronization
import Testing

@testable import Sidecar

@Suite("The endpoints over real sockets", .timeLimit(.minutes(30)))
struct ControlHTTPTests {
  /// Runs a health endpoint on a port of the kernel's choice while `body` asks it.
  private func withHealthEndpoint(
    _ daemon: ScriptedDaemon, _ body: @escaping @Sendable (RawHTTP, Int) async throws -> Void
  ) async throws {
    let health = HealthConfiguration(
      listenHost: "127.0.0.1", listenPort: 0, interval: .seconds(1), failures: 3, probes: [])
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let endpoint = HealthEndpoint(
      configuration: health, service: daemon,
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      onListening: { port in continuation.yield(port) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await endpoint.run() }
      for await port in ports {
        try await body(RawHTTP(address: .loopback(port: port)), port)
        break
      }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  private func status(_ port: Int, _ target: String) async throws -> Int? {
    try await OwnThread.run("lf-test") {
      HTTPStatusProbe.status(
        host: "127.0.0.1", port: UInt16(clamping: port), target: target, within: .seconds(10))
    }
  }

  /// What a candidate asks of a silent owner.
  @Test func theEndpointIsAWitness() async throws {
    try await withHealthEndpoint(ScriptedDaemon()) { _, port in
      // Without a token in the node file nobody can report anything.
      let expected: [(String, Int)] = [
        ("/primary?service=home", 200), ("/primary?service=work", 503), ("/none", 404),
        ("/v1/health-reports", 404),
      ]
      for (target, code) in expected {
        let answer = try await status(port, target)
        #expect(answer == code, "\(target)")
      }
      let nobody = try await status(1, "/primary")
      #expect(nobody == nil)
    }
  }

  @Test func monitorsGetCodesAndReasons() async throws {
    let daemon = ScriptedDaemon()
    try await withHealthEndpoint(daemon) { http, _ in
      let health = try await http.ask("GET", "/health")
      #expect(health.code == 200)
      #expect(health.body == #"{"check":"health","node":"a","ok":true,"reasons":[]}"# + "\n")
      #expect(health.head.contains("content-type: application/json"))
      #expect(health.head.contains("cache-control: no-store"))
      let primary = try await http.ask("GET", "/primary?service=w%6Frk")
      #expect(primary.code == 503)
      #expect(primary.body.contains(#""reasons":["node b owns service work"]"#))
      for method in ["HEAD", "OPTIONS"] {
        let silent = try await http.ask(method, "/primary?service=work")
        #expect(silent.code == 503)
        #expect(silent.body.isEmpty)
      }
      let post = try await http.ask("POST", "/health", body: "{}")
      #expect(post.code == 405)
      #expect(post.head.contains("allow: get, head, options"))
      #expect(try await http.ask("GET", "/none").code == 404)
      daemon.node.withLock { $0.health.loopAgeMilliseconds = 9000 }
      #expect(try await http.ask("GET", "/liveness").code == 503)
      let status = try await http.ask("GET", "/status")
      #expect(status.code == 200)
      #expect(try JSONDecoder().decode(NodeStatus.self, from: Data(status.body.utf8)).services.count == 2)
    }
  }

  @Test func metricsAreText() async throws {
    try await withHealthEndpoint(ScriptedDaemon()) { http, _ in
      let metrics = try await http.ask("GET", "/metrics")
      #expect(metrics.code == 200)
      #expect(metrics.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"))
      #expect(metrics.body == MetricsText.render(.well))
      for method in ["HEAD", "OPTIONS"] {
        let silent = try await http.ask(method, "/metrics")
        #expect(silent.code == 200)
        #expect(silent.body.isEmpty)
      }
      #expect(try await http.ask("POST", "/metrics", body: "{}").code == 405)
    }
  }

  @Test func whatIsNoHTTPIsRefusedAndTheNextRequestAnswered() async throws {
    try await withHealthEndpoint(ScriptedDaemon()) { http, _ in
      #expect(try await http.exchange("rubbish\r\n\r\n").hasPrefix("HTTP/1.1 400"))
      let long = "GET /health HTTP/1.1\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n"
      _ = try? await http.exchange(long)
      let large = try await http.ask("POST", "/health", body: String(repeating: "x", count: 100_000))
      #expect(large.code == 413)
      #expect(try await http.ask("GET", "/health").code == 200)
    }
  }

  @Test func aPortThatIsTakenIsNamed() async throws {
    try await withHealthEndpoint(ScriptedDaemon()) { _, port in
      let health = HealthConfiguration(
        listenHost: "127.0.0.1", listenPort: port, interval: .seconds(1), failures: 3, probes: [])
      let second = HealthEndpoint(
        configuration: health, service: ScriptedDaemon(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
      let error = await #expect(throws: EndpointError.self) { try await second.run() }
      #expect(error?.message.contains("127.0.0.1 port \(port)") == true)
    }
  }

  /// Who ends before the idle timeout did not wait for it.
  @Test("Ends though clients stay connected", arguments: [true, false])
  func endsWithIdleConnections(gracefully: Bool) async throws {
    try await withFolder { folder in
      let (listening, continuation) = AsyncStream.makeStream(of: Void.self)
      let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
      var endpoint = ControlEndpoint(
        runDirectory: folder, group: nil, service: ScriptedDaemon(), log: log,
        onListening: { continuation.yield() })
      endpoint.idleTimeout = .seconds(600)
      let group = ServiceGroup(services: [endpoint], logger: log)
      let elapsed = try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        for await _ in listening { break }
        let http = RawHTTP(address: .unix(folder + "/control.sock"))
        let idle = try (0..<3).map { _ in try http.connected() }
        defer { for descriptor in idle { close(descriptor) } }
        let half = Array("GET /v1/status HTTP/1.1\r\nHo".utf8)
        #expect(send(idle[0], half, half.count, 0) == half.count)
        let kept = Array("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        #expect(send(idle[1], kept, kept.count, 0) == kept.count)
        let hangs = Array("GET /v1/records?service=hangs HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        #expect(send(idle[2], hangs, hangs.count, 0) == hangs.count)
        #expect(try await http.ask("GET", "/v1/status").code == 200)
        let start = ContinuousClock.now
        if gracefully { await group.triggerGracefulShutdown() } else { tasks.cancelAll() }
        _ = await tasks.nextResult()
        return ContinuousClock.now - start
      }
      #expect(elapsed < .seconds(300))
      #expect(!FileManager.default.fileExists(atPath: folder + "/control.sock"))
    }
  }

  /// Connections that are accepted while the endpoint stops must not take the process with them.
  @Test func stoppingAmongNewConnectionsHarmsNobody() async throws {
    let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    for round in 0..<60 {
      try await withFolder { folder in
        let (listening, continuation) = AsyncStream.makeStream(of: Void.self)
        let endpoint = ControlEndpoint(
          runDirectory: folder, group: nil, service: ScriptedDaemon(), log: log,
          onListening: { continuation.yield() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
          tasks.addTask { try await endpoint.run() }
          if round % 3 == 0 {
            // Stopped before, while or after it begins to listen.
            for _ in 0..<round { await Task.yield() }
          } else {
            for await _ in listening { break }
            let http = RawHTTP(address: .unix(folder + "/control.sock"))
            let open = try (0..<40).map { _ in try http.connected() }
            if round % 3 == 1 { for descriptor in open { close(descriptor) } }
            tasks.cancelAll()
            _ = await tasks.nextResult()
            if round % 3 == 2 { for descriptor in open { close(descriptor) } }
          }
          tasks.cancelAll()
          try await tasks.waitForAll()
        }
      }
    }
  }

  @Test func theControlSocketAnswersEveryRoute() async throws {
    let daemon = ScriptedDaemon(pollsUntilDone: 1)
    try await withControlEndpoint(daemon) { folder in
      let http = RawHTTP(address: .unix(folder + "/control.sock"))
      let status = try await http.ask("GET", "/v1/status")
      #expect(try JSONDecoder().decode(NodeStatus.self, from: Data(status.body.utf8)) == .well)
      let records = try await http.ask("GET", "/v1/records?service=home")
      #expect(try JSONDecoder().decode([RecordStatus].self, from: Data(records.body.utf8)).count == 1)
      #expect(try await http.ask("GET", "/v1/history?service=home").body == "[]\n")
      let entry = try await http.ask("GET", "/v1/services/home/history/2")
      #expect(try JSONDecoder().decode(HistoryEntry.self, from: Data(entry.body.utf8)) == .adoption)
      for path in [
        "home/history/3", "home/history/0", "home/history/x", "home/history/2/x", "home/nothing/2",
      ] {
        #expect(try await http.ask("GET", "/v1/services/\(path)").code == 404, "\(path)")
      }
      let request = RequestBody(service: "home", action: "migrate", to: "b", actor: "root")
      let body = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
      let started = try await http.ask("POST", "/v1/requests", body: body)
      #expect(started.code == 202)
      #expect(daemon.requests.withLock { $0 } == [request])
      #expect(try await http.ask("GET", "/v1/requests/home%2F4").body.contains(#""state":"running""#))
      #expect(try await http.ask("GET", "/v1/requests/home%2F4").body.contains(#""state":"done""#))
      let mark = #"{"dryRun": false, "actor": "root", "because": "disks"}"#
      #expect(try await http.ask("POST", "/v1/pause", body: mark).body.contains(#""because":"disks""#))
      #expect(try await http.ask("POST", "/v1/resume", body: mark).body == "{}\n")
      #expect(try await http.ask("POST", "/v1/nodes/a/drain", body: mark).code == 200)
      #expect(try await http.ask("GET", "/v1/nodes/a/drain").body.contains("no other candidate"))
      #expect(try await http.ask("POST", "/v1/nodes/a/undrain", body: mark).code == 200)
      #expect(daemon.marks.withLock { $0 } == ["pause: disks", "resume", "drain a", "undrain a"])
      #expect(try await http.ask("POST", "/v1/services/home/thaw").code == 204)
      #expect(daemon.thawed.withLock { $0 } == ["home"])
      #expect(try await http.ask("POST", "/v1/services/home/unhold").code == 204)
      #expect(daemon.unheld.withLock { $0 } == ["home"])
      let said = #"{"node": "b", "state": "unhealthy", "because": "fan", "actor": "root"}"#
      #expect(try await http.ask("POST", "/v1/health-reports", body: said).code == 200)
      #expect(daemon.reports.withLock { $0.map(\.actor) } == ["root"])
      let notify = NotificationRequest(force: true, actor: "root", because: "reclaims were lost")
      let notifyBody = String(decoding: try JSONEncoder().encode(notify), as: UTF8.self)
      let told = try await http.ask("POST", "/v1/services/home/notify", body: notifyBody)
      #expect(told.code == 202)
      #expect(daemon.notifications.withLock { $0 } == [notify])
      #expect(try await http.ask("GET", "/v1/services/home/notification").body.contains(#""told":1"#))
      let drill = try await http.ask("POST", "/v1/services/home/drill", body: #"{"limitMilliseconds": 5000}"#)
      #expect(try JSONDecoder().decode(DrillReport.self, from: Data(drill.body.utf8)).reached == 2)
    }
  }

  @Test func refusalsKeepTheirCodeAndMessage() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      let http = RawHTTP(address: .unix(folder + "/control.sock"))
      func refusal(_ answer: RawHTTP.Answer) throws -> ControlError {
        try JSONDecoder().decode(ControlError.self, from: Data(answer.body.utf8))
      }
      let storeless = try await http.ask("GET", "/v1/records?service=storeless")
      #expect(storeless.code == 503)
      #expect(
        try refusal(storeless) == ControlError(.storeUnavailable, "the store directory:/srv does not answer"))
      #expect(try await http.ask("GET", "/v1/records?service=none").code == 404)
      #expect(try await http.ask("POST", "/v1/services/none/thaw").code == 404)
      #expect(try await http.ask("GET", "/v1/services/none/notification").code == 404)
      #expect(try await http.ask("POST", "/v1/services/home/nonsense").code == 404)
      #expect(try await http.ask("POST", "/v1/services/home/drill", body: "{}").code == 400)
      let unsafe = #"{"force": false, "actor": "root"}"#
      #expect(try await http.ask("POST", "/v1/services/home/notify", body: unsafe).code == 409)
      #expect(try await http.ask("GET", "/v1/requests/none").code == 404)
      #expect(try await http.ask("GET", "/v1/nodes/none/drain").code == 404)
      #expect(try await http.ask("GET", "/v1/nodes/a/nonsense").code == 404)
      #expect(try await http.ask("GET", "/v1/nodes/a/undrain").code == 405)
      #expect(try await http.ask("POST", "/v1/pause", body: "{}").code == 400)
      #expect(try await http.ask("GET", "/none").code == 404)
      let wrongMethod = try await http.ask("DELETE", "/v1/status")
      #expect(wrongMethod.code == 405)
      #expect(wrongMethod.head.contains("allow: get"))
      let noJSON = try await http.ask("POST", "/v1/requests", body: "{\"service\": 5}")
      #expect(noJSON.code == 400)
      #expect(try refusal(noJSON).code == .badRequest)
      let refused = RequestBody(service: "home", action: "migrate", to: "z", actor: "root")
      let body = String(decoding: try JSONEncoder().encode(refused), as: UTF8.self)
      #expect(try await http.ask("POST", "/v1/requests", body: body).code == 412)
    }
  }
}

/// Runs a control endpoint in a folder while `body` talks to it.
func withControlEndpoint(
  _ daemon: ScriptedDaemon, group: String? = nil, _ body: @escaping @Sendable (String) async throws -> Void
) async throws {
  try await withFolder { folder in
    let (listening, continuation) = AsyncStream.makeStream(of: Void.self)
    let endpoint = ControlEndpoint(
      runDirectory: folder, group: group, service: daemon,
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      onListening: { continuation.yield() })
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { continuation.finish() }
        try await endpoint.run()
      }
      for await _ in listening {
        try await body(folder)
        break
      }
      tasks.cancelAll()
      try await tasks.waitForAll()
    }
  }
}
