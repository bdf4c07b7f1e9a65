import Foundation
import StatusMonitor
import Testing

@testable import Sidecar

/// M5 M7: whom an adoption owes a notification besides the service's clients.
@Suite("The adoptive server's own clients") struct OwnClientsTests {
  private func line(_ address: String, _ monName: String, by myName: String) -> String {
    "\(address) 000186b5 00000003 00000010 00000000000000000000000000000000 \(monName) \(myName)\n"
  }

  private func memory(adopted: [String: String]) -> OwnClients.Memory {
    OwnClients.Memory(epoch: 2, adopted: adopted.mapValues { Data($0.utf8) }, own: [:])
  }

  private func live(_ records: [String: String]) throws -> [ClientName: [UInt8]] {
    Dictionary(
      uniqueKeysWithValues: try records.map { (try ClientName($0.key), Array($0.value.utf8)) })
  }

  @Test func whoIsOnlyInTheLiveDirectoryIsRemembered() throws {
    let adopted = line("0100007f", "10.0.0.1", by: "nfs")
    let own = line("0100007f", "10.0.0.2", by: "b")
    var memory = memory(adopted: ["10.0.0.1": adopted])
    memory.note(live: try live(["10.0.0.1": adopted, "10.0.0.2": own]), isMerged: true)
    #expect(memory.records == (try live(["10.0.0.2": own])))
  }

  @Test func aClientOfBothServersIsRememberedWithTheLineOfThisOne() throws {
    let adopted = line("0100007f", "10.0.0.1", by: "nfs")
    let own = line("0200007f", "10.0.0.1", by: "b")
    var memory = memory(adopted: ["10.0.0.1": adopted])
    memory.note(live: try live(["10.0.0.1": own + adopted]), isMerged: true)
    #expect(memory.records == (try live(["10.0.0.1": own])))
  }

  /// The mirror of every service that this node serves carries all of its clients: what is in the store with the same
  /// line may be this node's own client, of the time when the service was here.
  @Test func whoWasMirroredWhileTheServiceWasHereIsRememberedBeforeAnythingIsMerged() throws {
    let own = line("0100007f", "10.0.0.2", by: "b")
    var memory = memory(adopted: ["10.0.0.2": own])
    memory.note(live: try live(["10.0.0.2": own]), isMerged: false)
    #expect(memory.records == (try live(["10.0.0.2": own])))
    // The service's clients that join it then are none of this node's own.
    let merged = line("0100007f", "10.0.0.1", by: "a")
    memory.adopted["10.0.0.1"] = Data(merged.utf8)
    memory.note(live: try live(["10.0.0.1": merged, "10.0.0.2": own]), isMerged: true)
    #expect(memory.records == (try live(["10.0.0.2": own])))
  }

  @Test func whoHasGoneMeanwhileIsNotForgottenAndWhoHasComeIsAdded() throws {
    let first = line("0100007f", "10.0.0.2", by: "b")
    let second = line("0100007f", "10.0.0.3", by: "b")
    var memory = memory(adopted: [:])
    memory.note(live: try live(["10.0.0.2": first]), isMerged: true)
    // From Linux 6.4 on, a server that stops empties the directory.
    memory.note(live: try live(["10.0.0.3": second]), isMerged: true)
    #expect(memory.records == (try live(["10.0.0.2": first, "10.0.0.3": second])))
  }

  @Test func aLineThatCannotBeReadIsRememberedToo() throws {
    var memory = memory(adopted: [:])
    memory.note(live: try live(["10.0.0.2": "what is this\n"]), isMerged: true)
    #expect(memory.records == (try live(["10.0.0.2": "what is this\n"])))
  }

  @Test(
    "A count of locks after the restart does not hide those before it; one that was not known stays unknown (B4)"
  )
  func locks() {
    var memory = OwnClients.Memory(epoch: 2, adopted: [:], own: [:], locks: 3)
    memory.note(locks: 0)
    #expect(memory.locks == 3)
    memory.note(locks: 5)
    #expect(memory.locks == 5)
    memory.note(locks: nil)
    memory.note(locks: 0)
    #expect(memory.locks == nil)
  }

  @Test func itSurvivesARestartOfTheDaemon() throws {
    var memory = memory(adopted: ["10.0.0.1": "x"])
    memory.note(live: try live(["10.0.0.2": line("0100007f", "10.0.0.2", by: "b")]), isMerged: true)
    #expect(StoreJSON.value(OwnClients.Memory.self, try StoreJSON.bytes(memory)) == memory)
  }
}
