import Cluster
import StatusMonitor
import Testing

@Suite("What the mirror does about a batch that is under way, or whose end nobody knows (M1)")
struct MirrorBatchEndTests {
  /// Ten records, all mirrored.
  private func settled() -> MirrorProbe {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<10))
    return mirror
  }

  @Test func aRecordThatComesBackWhileItsDeletionIsUnderWayIsWrittenAgain() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client1"])
    mirror.written("client1", bytes("record 1\n"))
    #expect(mirror.state("client1") == .pending)
    mirror.committed()
    #expect(mirror.lastChanges == ["client1": bytes("record 1\n")])
    mirror.committed()
    #expect(mirror.instance.isSettled)
    #expect(mirror.state("client1") == .mirrored)
  }

  @Test func aDeletionWithAnUnknownEndIsTriedAgain() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(120))
    mirror.failed(retryAfter: .seconds(2))
    #expect(mirror.wakeAt == mirror.now + .seconds(2))
    mirror.pass(.seconds(2))
    #expect(mirror.deleted == ["client1", "client1"])
  }

  @Test func aRecordThatComesBackAfterADeletionWithAnUnknownEndIsWrittenAgain() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(120))
    // It may have left the store all the same, and its lock would be lost at the next crash.
    mirror.failed()
    mirror.written("client1", bytes("record 1\n"))
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["client1": bytes("record 1\n")])
    mirror.committed()
    #expect(mirror.instance.isSettled)
  }

  @Test func aRecordThatAScanBringsBackAfterADeletionWithAnUnknownEndIsWrittenAgain() {
    var mirror = settled()
    mirror.removed(["client1"])
    mirror.pass(.seconds(120))
    mirror.failed()
    mirror.scan(clients(0..<10))
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["client1": bytes("record 1\n")])
  }

  @Test func aRecordThatLeavesAfterAWriteWithAnUnknownEndDeparts() {
    var mirror = settled()
    mirror.written("new", bytes("r"))
    mirror.failed()
    mirror.removed(["new"])
    mirror.pass(.seconds(1))
    #expect(mirror.lastChanges == ["new": bytes("r")])
    mirror.committed()
    mirror.pass(.seconds(120))
    #expect(mirror.lastChanges == ["new": nil])
  }

  @Test func aRecordThatLeavesWhileItsBatchIsUnderWayDeparts() {
    var mirror = settled()
    mirror.written("new", bytes("r"))
    mirror.removed(["new"])
    mirror.committed()
    #expect(mirror.state("new") == .departing)
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["new"])
  }
}
