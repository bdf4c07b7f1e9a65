import Cluster
import StatusMonitor
import Testing

@Suite("What sm-notify moves to sm.bak (M1, M3, rule 5 of the architecture)")
struct MirrorRetiredTests {
  /// So many records, all mirrored.
  private func settled(_ count: Int) -> MirrorProbe {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<count))
    return mirror
  }

  /// Found by the simulator (seed 17819): sm-notify retired a record that a full store had not taken yet, and the next
  /// daemon did not look there.
  @Test func whatWasRetiredBeforeAnybodyMirroredItReachesTheStore() {
    var mirror = settled(3)
    let found: [ClientName: [UInt8]] = [
      "client1": bytes("old\n"), "client7": bytes("record 7\n"), "client8": [],
    ]
    #expect(mirror.instance.unknown(among: Set(found.keys)) == ["client7", "client8"])
    mirror.take(mirror.instance.onFoundRetired(found, now: mirror.now))
    #expect(mirror.lastChanges == ["client7": bytes("record 7\n")])
    mirror.committed()
    #expect(mirror.state("client7") == .retained)
    #expect(mirror.instance.isSettled)
    mirror.take(mirror.instance.onFoundRetired(found, now: mirror.now))
    #expect(mirror.batches.count == 1)
  }

  @Test func whatWasSeenAndRetiredIsNotForgottenBeforeItIsStored() {
    var mirror = settled(3)
    mirror.written("client7", bytes("record 7\n"))
    mirror.failed()
    mirror.retired(["client7"])
    mirror.scan(clients(0..<3))
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["client7": bytes("record 7\n")])
    mirror.committed()
    #expect(mirror.state("client7") == .retained)
  }

  @Test func whoeverHasDepartedDoesNotComeBackFromThere() {
    var mirror = settled(3)
    mirror.retired(["client1"])
    mirror.leaving(["client1"])
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client1"])
    mirror.committed()
    #expect(mirror.instance.unknown(among: ["client1"]) == [])
    mirror.take(mirror.instance.onFoundRetired(["client1": bytes("old\n")], now: mirror.now))
    #expect(mirror.instance.isSettled)
    // It has come and was retired again.
    mirror.settle(clients(0..<2))
    mirror.retired(["client1"])
    #expect(mirror.state("client1") == .retained)
  }

  @Test func whoeverLeavesBeforeItsRetiredRecordIsStoredDepartsLikeAnyOther() {
    var mirror = settled(3)
    mirror.written("client7", bytes("record 7\n"))
    mirror.failed()
    mirror.retired(["client7"])
    mirror.leaving(["client7"])
    mirror.pass(.seconds(1))
    mirror.committed()
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client7"])
  }
}
