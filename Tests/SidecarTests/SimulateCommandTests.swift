import ClusterSimulator
import Foundation
import Testing

@testable import Sidecar
@testable import lockferry

@Suite("`lockferry simulate` (T6, C5, M10)", .timeLimit(.minutes(30)))
struct SimulateCommandTests {
  /// `node: a` with a store that is not there: nothing of it is needed.
  private static let nodeFile = smallNodeFile.replacing(
    "store: directory:/srv/lockferry", with: "store: directory:/nowhere/lockferry")

  private func simulate(_ arguments: String..., file: String = nodeFile) async throws
    -> BuiltLockferry.Outcome
  {
    try await withFolder { folder in
      let path = folder + "/node.yaml"
      try file.write(toFile: path, atomically: true, encoding: .utf8)
      return try await BuiltLockferry.run(["simulate", "--config", path] + arguments, in: folder)
    }
  }

  private func forecast(_ arguments: String..., file: String = nodeFile) async throws -> ForecastStatus {
    let events = arguments.flatMap { ["--event", $0] }
    let outcome = try await withFolder { folder in
      let path = folder + "/node.yaml"
      try file.write(toFile: path, atomically: true, encoding: .utf8)
      return try await BuiltLockferry.run(
        ["simulate", "--config", path, "-o", "json", "--for", "90s"] + events, in: folder)
    }
    #expect(outcome.status == 0, "\(outcome.complaint)")
    return try JSONDecoder().decode(ForecastStatus.self, from: Data(outcome.output.utf8))
  }

  @Test func aFailoverIsForetoldAsTheHistoryWouldTellIt() async throws {
    let forecast = try await forecast("power-cut a at 10s")
    let adoption = try #require(forecast.history.first)
    #expect(forecast.history.count == 1)
    #expect(adoption.kind == "adoption" && adoption.from == "a" && adoption.to == "b" && adoption.number == 2)
    #expect(adoption.because.hasPrefix("a missed "))
    #expect(adoption.clientCount == 2 && adoption.untoldCount == 0)
    #expect(
      adoption.steps.map { "\($0.step) \($0.state)" } == [
        "claim done", "fence skipped", "storage skipped", "records done", "state done", "server done",
        "address skipped",
        "notify done", "verify done",
      ])
    let home = try #require(forecast.services.first)
    #expect(home.owner == "b" && home.served && home.unservedMilliseconds > 3000)
  }

  @Test func theTableIsThatOfHistoryShow() async throws {
    let outcome = try await simulate("--event", "migrate home to b at 5s", "--for", "30s", "--seed", "3")
    #expect(outcome.status == 0, "\(outcome.complaint)")
    #expect(outcome.output.hasPrefix("simulated 30.0 s of nodes a, b, seed 3\n"))
    #expect(outcome.output.contains("\nservice home, no 2: release, done, asked by operator\n"))
    #expect(outcome.output.contains("\nservice home, no 3: adoption, done, asked by operator\n"))
    #expect(outcome.output.contains("STEP"))
    #expect(outcome.output.contains("home     online  b          2  yes"))
  }

  /// The values of the node file decide: with a longer lease the owner is missed later.
  @Test func theNodeFilesOwnTimingsHold() async throws {
    let slow = Self.nodeFile + "\nbeats: {lease: 20s}"
    let (short, long) = (
      try await forecast("power-cut a at 10s"), try await forecast("power-cut a at 10s", file: slow)
    )
    func began(_ forecast: ForecastStatus) -> Int {
      forecast.history.first.flatMap { Int($0.startedAt.dropLast(2)) } ?? 0
    }
    #expect((13_000...16_000).contains(began(short)), "\(short.history)")
    #expect((29_000...33_000).contains(began(long)), "\(long.history)")
  }

  /// C6, M10: the node file's watchdog and overload rule decide.
  @Test func watchdogAndOverloadAreThoseOfTheNodeFile() async throws {
    let watched =
      Self.nodeFile + """

        watchdog:
          - name: statd
            probe: {program: status}
            restart: {command: [/usr/bin/systemctl, restart, rpc-statd]}
            within: 4s
        overload: {load: 2, for: 20s, interval: 5s}
        """
    let mended = try await forecast("daemon-dies statd on a at 10s", file: watched)
    #expect(mended.events.contains { $0.what == "a: statd is dead and is restarted" })
    #expect(mended.history.isEmpty)
    let dead = try await forecast("daemon-stays-dead statd on a at 10s", file: watched)
    #expect(dead.history.map(\.kind) == ["release", "adoption"])
    #expect(dead.history.first?.because.contains("statd: its restart did not help") == true)
    let overloaded = try await forecast("overload a at 10s", file: watched)
    #expect(overloaded.history.first?.because.contains("reported overloaded by overload") == true)
    let unwatched = try await simulate("--event", "daemon-dies statd on a at 10s")
    #expect(unwatched.status == 64)
    #expect(unwatched.complaint.contains("needs a daemon under `watchdog` in the node file"))
  }

  /// C3: this node's file names its own priority, and how the candidates agree.
  @Test func theElectionIsThatOfTheNodeFile() async throws {
    let file = Self.nodeFile.replacing("candidates: [a, b]", with: "candidates: [a, b, c]")
    #expect(file != Self.nodeFile)
    let race = try await forecast("power-cut b at 10s", "power-cut a at 40s", file: file)
    #expect(race.services.first?.owner == "c")
    let vote = file.replacing("node: a", with: "node: c").replacing(
      "candidates: [a, b, c]", with: "candidates: [a, b, c]\n    election: vote\n    priority: 200")
    let voted = try await forecast("power-cut a at 10s", file: vote)
    #expect(voted.services.first?.owner == "c")
    let first = try await forecast("power-cut a at 10s", file: file)
    #expect(first.services.first?.owner == "b")
  }

  @Test(arguments: [
    ("powercut a at 10s", "`powercut` is no event; events are power-cut, "),
    (
      "power-cut z at 10s",
      "there is no node `z`; nodes are a, b; write power-cut NODE at TIME [for TIME], such as"
    ),
    ("power-cut a at 10m", "comes after the end; --for 5m is too short"),
  ])
  func aWrongEventIsAnErrorThatSaysWhatIsPossible(event: String, message: String) async throws {
    let outcome = try await simulate("--event", event)
    #expect(outcome.status == 64)
    #expect(outcome.output.isEmpty)
    #expect(outcome.complaint.contains(message), "\(outcome.complaint)")
  }

  @Test func withoutAnEventTheyAreListedWithAnExample() async throws {
    let outcome = try await simulate()
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains("events are power-cut, "))
    #expect(outcome.complaint.contains("for example `power-cut a at 10s for 30s`"))
    #expect(try await simulate("--event", "pause at 1s", "--for", "25h").status == 64)
  }

  @Test func everyEventIsDocumented() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/commands.md"), encoding: .utf8)
    let manual = try String(
      contentsOf: root.appending(path: "docs/man/lockferry-simulate.8"), encoding: .utf8)
    for kind in Fault.Kind.allCases {
      // Those that need a store that a node file can't name yet are left out.
      guard ![.beatVanishes, .everyBeatVanishes, .callsTwice].contains(kind) else { continue }
      let usage = kind.usage.replacing("|", with: "\\|")
      #expect(page.contains("`\(usage)`"), "docs/commands.md lacks \(usage)")
      #expect(manual.contains(".It Li \(kind.usage)"), "the man page lacks \(kind.usage)")
    }
  }
}
