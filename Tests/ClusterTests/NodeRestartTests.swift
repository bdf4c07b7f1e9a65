import Cluster
import Testing

/// M7: the same facts always give the same steps, whatever runs them.
@Suite("Restarting a node's NFS server or its lock manager (M7)")
struct NodeRestartTests {
  private func kinds(_ restart: NodeRestart, _ facts: RecoveryFacts) -> [RecoveryProcedure.Action.Kind] {
    restart.procedure(on: facts).actions.map(\.kind)
  }

  private func refusal(_ restart: NodeRestart, _ facts: RecoveryFacts) -> String? {
    let refusals = restart.procedure(on: facts).refusals
    #expect(refusals.count < 2, "\(refusals)")
    return refusals.first
  }

  @Test(arguments: [
    ("6.1.0-28-amd64", KernelVersion(6, 1)), ("6.12", KernelVersion(6, 12)),
    ("5.10-rc1", KernelVersion(5, 10)),
    ("6", nil), ("six.one", nil), ("", nil),
  ])
  func aKernelSaysItsVersion(release: String, expected: KernelVersion?) {
    #expect(KernelVersion(release: release) == expected)
  }

  @Test func versionsAreNumbersAndNotText() {
    #expect(KernelVersion(6, 2) < KernelVersion(6, 10))
    #expect(KernelVersion(5, 19) < KernelVersion(6, 0))
  }

  @Test func theServerIsStoppedSeenDownAndStartedWithItsExports() {
    let facts = RecoveryFacts(kernel: KernelVersion(6, 1))
    #expect(
      kinds(.nfs, facts) == [
        .stopServer, .expectLockManagerDown, .setGrace, .export, .startServer, .expectGrace,
      ])
    #expect(refusal(.nfs, facts) == nil)
    var systemd = facts
    systemd.isUnderSystemd = true
    #expect(
      kinds(.nfs, systemd) == [.stopServer, .expectLockManagerDown, .setGrace, .startServer, .expectGrace])
  }

  @Test(
    "From Linux 6.4 on a stopping nfsd empties sm/",
    arguments: [(1, false), (3, false), (4, true), (12, true)])
  func stop(minor: Int, empties: Bool) {
    let facts = RecoveryFacts(kernel: KernelVersion(6, minor), clients: 3)
    let why = NodeRestart.nfs.procedure(on: facts).actions[0].why
    #expect(why.contains("empties sm/") == empties)
    #expect(why.contains("3 clients have records"))
  }

  @Test func aMountThatKeepsTheLockManagerUpRefusesARestartOfTheServer() throws {
    let facts = RecoveryFacts(kernel: KernelVersion(6, 1), pins: ["/mnt/a", "/mnt/b"])
    let words = try #require(refusal(.nfs, facts))
    #expect(words.contains("/mnt/a, /mnt/b") && words.contains("begins no grace period"))
    // A killed lockd begins one whoever uses it.
    #expect(refusal(.lockManager, facts) == nil)
  }

  @Test func systemdLoadsTheServerWhereItIsNotLoadedYet() {
    var facts = RecoveryFacts(kernel: KernelVersion(6, 1), serverThreads: nil)
    #expect(refusal(.nfs, facts)?.contains("no NFS server to restart") == true)
    facts.isUnderSystemd = true
    #expect(refusal(.nfs, facts) == nil)
  }

  @Test(
    "lockd takes signals before Linux 6.6 only",
    arguments: [(5, 10, true), (6, 1, true), (6, 5, true), (6, 6, false), (6, 12, false), (7, 0, false)])
  func signal(major: Int, minor: Int, isTaken: Bool) {
    let facts = RecoveryFacts(kernel: KernelVersion(major, minor))
    let words = refusal(.lockManager, facts)
    #expect((words == nil) == isTaken)
    if let words { #expect(words.contains("Linux \(major).\(minor)") && words.contains("restart-nfs")) }
  }

  @Test func aKernelThatDoesNotSayItsVersionKillsNoLockManager() {
    #expect(refusal(.lockManager, RecoveryFacts(kernel: nil))?.contains("unknown version") == true)
    #expect(refusal(.nfs, RecoveryFacts(kernel: nil)) == nil)
  }

  @Test func theLockManagerAloneIsRestartedAfterTheStatusMonitor() {
    let facts = RecoveryFacts(kernel: KernelVersion(6, 1), clients: 1)
    #expect(
      kinds(.lockManager, facts) == [
        .setGrace, .export, .restartStatusMonitor, .killLockManager, .expectGrace,
      ])
    let kill = NodeRestart.lockManager.procedure(on: facts).actions[3]
    #expect(kill.why.contains("1 client has a record"))
  }

  @Test func whatAKilledLockManagerWouldDoElsewhereRefusesIt() {
    var facts = RecoveryFacts(kernel: KernelVersion(6, 1))
    facts.isolatedServices = ["work"]
    #expect(refusal(.lockManager, facts)?.contains("isolated here: work") == true)
    facts = RecoveryFacts(kernel: KernelVersion(6, 1), isInFirstNamespace: false)
    #expect(refusal(.lockManager, facts)?.contains("first network namespace") == true)
    facts = RecoveryFacts(kernel: KernelVersion(6, 1), seesLockManager: false)
    #expect(refusal(.lockManager, facts)?.contains("can't be seen") == true)
    facts = RecoveryFacts(kernel: KernelVersion(6, 1), serverThreads: 0, seesLockManager: false)
    #expect(refusal(.lockManager, facts)?.contains("nfsd has no threads") == true)
  }

  @Test func whoeverMayEndTheGracePeriodIsNamed() {
    for restart in NodeRestart.allCases {
      var facts = RecoveryFacts(kernel: KernelVersion(6, 1))
      #expect(restart.procedure(on: facts).actions.last?.why.contains("lift-grace") == false)
      facts.liftsGrace = true
      #expect(restart.procedure(on: facts).actions.last?.why.contains("lift-grace") == true)
    }
  }
}
