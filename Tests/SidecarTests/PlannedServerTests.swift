import Cluster
import Testing

@testable import Sidecar

/// M7: `--dry-run` shows how the adoptive server would get into its grace period, and why so.
@Suite("How a grace period would be begun (M7)")
struct PlannedServerTests {
  @Test func theNodeItselfShowsEveryStepWithItsReason() {
    let facts = RecoveryFacts(kernel: KernelVersion(6, 12), clients: 2)
    let lines = PlannedServer("restart-nfs", on: "b", NodeRestart.nfs.procedure(on: facts)).lines(on: "b")
    #expect(
      lines.map(\.step) == [
        "server: stop-nfs", "server: expect-lockd-down", "server: set-grace", "server: export",
        "server: start-nfs", "server: expect-grace",
      ])
    #expect(lines.allSatisfy { $0.node == "b" && $0.state == "planned" && !$0.detail.isEmpty })
    #expect(lines.first?.detail.contains("2 clients have records") == true)
  }

  @Test func whatTheNodeRefusesIsShownInstead() {
    let procedure = NodeRestart.lockManager.procedure(on: RecoveryFacts(kernel: KernelVersion(6, 12)))
    let lines = PlannedServer("restart-lockd", on: "b", procedure).lines(on: "b")
    #expect(lines.map(\.state) == ["failed"])
    #expect(lines.first?.detail.contains("lockd takes no signal") == true)
  }

  @Test func whatStandsAgainstAnIsolatedServiceIsShown() {
    let fine = PlannedServer(isolatedOn: "b", IsolationFacts())
    #expect(fine.lines(on: "b").isEmpty, "the step's own reason says what is done")
    let lines = PlannedServer(isolatedOn: "b", IsolationFacts(missingInterfaces: ["eth7"])).lines(on: "b")
    #expect(lines.map(\.state) == ["failed"])
    #expect(lines.first?.detail.contains("no interface eth7") == true)
  }

  @Test func whatAnotherNodeWouldDoItsOwnDaemonSays() {
    let procedure = NodeRestart.nfs.procedure(on: RecoveryFacts(kernel: KernelVersion(6, 1)))
    let lines = PlannedServer("restart-nfs", on: "a", procedure).lines(on: "b")
    #expect(lines.count == 1 && lines.first?.detail.contains("b decides") == true)
  }

  @Test("B9 NFS-Ganesha is asked for a grace period, and nobody loses a lock by it")
  func ganesha() {
    let procedure = GaneshaFacts(clients: 1).procedure(length: .seconds(50))
    let lines = PlannedServer("ganesha", on: "b", procedure).lines(on: "b")
    #expect(lines.map(\.step) == ["server: start-grace", "server: get-grace"])
    #expect(lines.first?.detail.contains("nobody loses a lock") == true)
  }
}
