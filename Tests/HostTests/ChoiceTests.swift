import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// Who takes a service, with real daemons.
  @Suite("Choice among candidates") struct Choice {
    /// C1: what the check of one node says, all others see, and nobody waits for it.
    @Test func aCandidateWhoseStorageCheckFailsIsPassedOver() async throws {
      try await ThreeServers.run({ file in
        file.adoption = "{check_interval: 200ms}"
        file.services[0].storageCheck =
          .program(["/bin/sh", "-c", file.node == "b" ? "echo no path to the disk; exit 1" : "exit 0"])
      }) { site in
        try await eventually("c sees why b can't") {
          try await site.service(seenBy: site.c)?.reasons(against: "b").contains {
            $0.contains("storage.check") && $0.contains("no path to the disk")
          } == true
        }
        try await site.a.powerCut()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
        let table = try await site.c.lockferry("status").orThrow()
        #expect(table.output.contains("b can't take it: storage.check"))
        #expect(table.output.contains("a can't take it: it does not beat"))
      }
    }

    /// M7 C1: a node that could not restart its NFS server is no candidate before anybody has to learn it.
    @Test(.enabled(if: !FileManager.default.fileExists(atPath: "/proc/fs/nfsd/threads")))
    func aCandidateThatHasNothingToRestartIsPassedOver() async throws {
      try await ThreeServers.run({ file in
        file.adoption = "{check_interval: 200ms}"
        if file.node == "b" { file.services[0].serverRecovery = .word("restart-nfs") }
      }) { site in
        try await eventually("c sees why b can't") {
          try await site.service(seenBy: site.c)?.reasons(against: "b").contains {
            $0.contains("restart-nfs: the kernel has no NFS server to restart")
          } == true
        }
        try await site.a.powerCut()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
      }
    }

    /// C5: the second candidate takes what the first can't attach, with nothing of it left behind.
    @Test func whatTheFirstCandidateCanNotAttachTheSecondTakes() async throws {
      try await ThreeServers.run({ file in
        file.adoption = "{tries: 2}"
        file.services[0].attachStorage =
          .program(["/bin/sh", "-c", file.node == "b" ? "echo no such device; exit 1" : "exit 0"])
      }) { site in
        try await site.a.powerCut()
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
        #expect(try await !site.b.has(address: TwoServers.address))
        #expect(try await site.c.has(address: TwoServers.address))
        let history = try await site.c.history(TwoServers.service)
        let told = history.map { "\($0.kind) \($0.to ?? "") \($0.outcome)" }
        #expect(told == ["opening a done", "adoption b failed", "release c done", "adoption c done"])
        let failed = try #require(history.first { $0.outcome == "failed" })
        #expect(failed.problem?.contains("no such device") == true, "\(failed.problem ?? "")")
      }
    }

    /// C5: nobody can: an alarm, and the service is taken as soon as one can.
    @Test func whatNobodyCanTakeIsShownAsStrandedUntilSomebodyCan() async throws {
      try await ThreeServers.run({ file in
        file.adoption = "{check_interval: 200ms}"
        let mark = file.stateDirectory + "/broken"
        file.services[0].storageCheck = .program(["/bin/sh", "-c", "! test -e \(mark)"])
      }) { site in
        for host in [site.b, site.c] {
          try Data().write(to: URL(fileURLWithPath: host.disk + "/state/broken"))
        }
        try await eventually("both say no") {
          let seen = try await site.service(seenBy: site.a)
          return seen?.reasons(against: "b").isEmpty == false && seen?.reasons(against: "c").isEmpty == false
        }
        try await site.a.powerCut()
        try await eventually("c sees it stranded") {
          try await site.service(seenBy: site.c)?.stranded != nil
        }
        #expect(try await site.c.healthCode("/readiness") == 503)
        #expect(try await site.service(seenBy: site.c)?.owner == "a")
        try FileManager.default.removeItem(atPath: site.c.disk + "/state/broken")
        try await site.waitUntil("c", owns: TwoServers.service, seenBy: site.c)
        #expect(try await site.service(seenBy: site.c)?.stranded == nil)
      }
    }
  }
}
