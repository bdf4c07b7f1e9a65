import Cluster
import StatusMonitor
import Testing

@Suite("Callouts: durable before the lock is granted (M2, B1)")
struct MirrorCalloutTests {
  private func settled(_ count: Int = 10) -> MirrorProbe {
    var mirror = MirrorProbe()
    mirror.settle(clients(0..<count))
    return mirror
  }

  private func line(_ monName: String) -> [UInt8] {
    bytes("0100007f 000186b5 00000003 00000010 b0444d630800000000a7a3dffcef1aff \(monName) primary\n")
  }

  private func client(_ number: Int) -> ClientName { ClientName(stringLiteral: "client\(number)") }

  @Test func aCalloutIsAnsweredWhenItsRecordIsCommittedAndNotBefore() {
    var mirror = settled()
    mirror.callout(1, "new", bytes("r"))
    #expect(mirror.lastChanges == ["new": bytes("r")])
    #expect(mirror.answers.isEmpty)
    mirror.committed()
    #expect(mirror.answers == [1: .durable])
  }

  @Test func whatIsInTheStoreIsAnsweredAtOnce() {
    var mirror = settled()
    mirror.callout(1, "client3", bytes("record 3\n"))
    #expect(mirror.answers == [1: .durable])
    #expect(mirror.batches.isEmpty)
  }

  /// A thousand clients at once: the first goes alone, and whoever comes while it is under way goes together.
  @Test func aThousandCalloutsCostAFewTransactions() {
    var mirror = settled(0)
    for (number, (client, record)) in clients(0..<1000).sorted(by: { $0.key < $1.key }).enumerated() {
      mirror.callout(UInt64(number), client, record)
    }
    while mirror.answers.count < 1000 {
      mirror.now = mirror.now + .milliseconds(5)
      mirror.committed()
    }
    #expect(mirror.answers.values.allSatisfy { $0 == .durable })
    #expect(mirror.batches.count <= 5)
  }

  @Test func aFailedCommitIsAnHonestAnswerToThoseInItAndNobodyElse() {
    var mirror = settled()
    mirror.callout(1, "new1", bytes("r1"))
    mirror.callout(2, "new2", bytes("r2"))
    mirror.failed()
    #expect(mirror.answers == [1: .notDurable(because: "no answer")])
    mirror.pass(.milliseconds(500))
    #expect(mirror.lastChanges == ["new1": bytes("r1"), "new2": bytes("r2")])
    mirror.committed()
    #expect(mirror.answers[2] == .durable)
  }

  /// The end of a commit that nobody knows is no answer, even where the store happens to hold the bytes.
  @Test func anUncertainRecordIsCommittedAgainBeforeItIsCalledDurable() {
    var mirror = settled()
    mirror.written("client3", bytes("changed"))
    mirror.failed()
    mirror.callout(1, "client3", bytes("record 3\n"))
    #expect(mirror.answers.isEmpty)
    mirror.pass(.milliseconds(500))
    mirror.committed()
    #expect(mirror.answers == [1: .durable])
  }

  /// statd writes a second line for the client while the first one's commit is under way.
  @Test func aCommitOfTheOlderRecordDoesNotAnswerForTheNewer() {
    var mirror = settled()
    mirror.callout(1, "new", bytes("one"))
    mirror.callout(2, "new", bytes("one, two"))
    mirror.committed()
    #expect(mirror.answers == [1: .durable])
    #expect(mirror.lastChanges == ["new": bytes("one, two")])
    mirror.committed()
    #expect(mirror.answers == [1: .durable, 2: .durable])
  }

  /// statd renamed a longer file into place before the shorter one was read for its own callout.
  @Test func theNewerRecordAnswersForTheOlder() {
    var mirror = settled()
    mirror.written("other", bytes("x"))
    mirror.callout(1, "new", bytes("one"))
    mirror.written("new", bytes("one, two"))
    mirror.committed()
    mirror.committed()
    #expect(mirror.answers == [1: .durable])
  }

  /// The second line is gone again before it was committed: what is left is in the store already.
  @Test func aRecordThatIsAsBeforeAnswersForTheNewer() {
    var mirror = settled()
    mirror.written("other", bytes("x"))
    mirror.callout(1, "client3", bytes("one, two"))
    mirror.written("client3", bytes("record 3\n"))
    #expect(mirror.answers == [1: .durable])
  }

  /// The mirror reads the directory on its own and knows a del-client's file that nobody saw go.
  @Test func anAnnouncedClientThatIsMissingAtAScanHasDeparted() {
    var mirror = settled()
    mirror.leaving(["client3"])
    #expect(mirror.state("client3") == .mirrored)
    mirror.scan(clients(0..<3).merging(clients(4..<10)) { $1 })
    #expect(mirror.state("client3") == .departing)
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client3"])
  }

  /// The daemon was away when statd unlinked the file; the announcement was in the spool.
  @Test func anAnnouncementThatComesAfterTheFileIsGoneIsADeparture() {
    var mirror = MirrorProbe(clients(0..<10))
    mirror.scan(clients(0..<9))
    #expect(mirror.state("client9") == .retained)
    mirror.leaving(["client9", "nobody"])
    #expect(mirror.state("client9") == .departing)
    mirror.pass(.seconds(120))
    #expect(mirror.deleted == ["client9"])
  }

  @Test func beforeTheFirstScanNobodyIsKnownToBeMissing() {
    var mirror = MirrorProbe(clients(0..<10))
    mirror.leaving(["client3"])
    mirror.scan(clients(0..<10))
    mirror.pass(.seconds(600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func anAnnouncedClientThatStaysIsKept() {
    var mirror = settled()
    mirror.leaving(["client3"])
    mirror.pass(.seconds(11))
    mirror.scan(clients(0..<10))
    mirror.scan(clients(0..<3).merging(clients(4..<10)) { $1 })
    #expect(mirror.state("client3") == .retained)
    mirror.pass(.seconds(600))
    #expect(mirror.batches.isEmpty)
  }

  @Test func anAnnouncedClientWhoseFileLosesOneLineIsKept() {
    var mirror = settled()
    mirror.leaving(["client3"])
    mirror.written("client3", bytes("one line less"))
    mirror.committed()
    mirror.pass(.seconds(600))
    #expect(mirror.state("client3") == .mirrored)
    #expect(mirror.deleted == [])
  }

  @Test func anAnnouncedClientThatSmNotifyRetiresIsKept() {
    var mirror = settled()
    mirror.leaving(["client3"])
    mirror.retired(["client3"])
    mirror.scan(clients(0..<3).merging(clients(4..<10)) { $1 })
    mirror.pass(.seconds(600))
    #expect(mirror.deleted == [])
  }

  /// Linux 6.4 and later: del-client for everyone within 0.3 s, each before its own unlink.
  @Test func aBurstOfAnnouncementsFreezesBeforeTheFilesAreGone() {
    var mirror = settled(20)
    for number in 0..<6 {
      mirror.leaving([client(number)])
      mirror.now = mirror.now + .milliseconds(2)
    }
    #expect(mirror.report.frozenBecause == [.burst])
    mirror.scan(clients(6..<20))
    for number in 0..<6 { mirror.removed([client(number)]) }
    mirror.pass(.seconds(600))
    #expect(mirror.deleted == [])
    for number in 0..<6 { mirror.written(client(number), bytes("record \(number)\n")) }
    #expect(mirror.report.frozenBecause == [])
  }

  /// Announcement and unlink of one client are one departure.
  @Test func anAnnouncedDepartureCountsOnce() {
    var mirror = settled(20)
    for number in 0..<5 {
      mirror.leaving([client(number)])
      mirror.removed([client(number)])
      mirror.pass(.milliseconds(400))
    }
    #expect(mirror.report.frozenBecause == [])
    #expect(mirror.report.departing == 5)
    mirror.pass(.seconds(120))
    mirror.committed()
    #expect(mirror.deleted == ["client0", "client1", "client2", "client3", "client4"])
  }

  @Test func twoClientsThatAreAllThereAreAreABurst() {
    var mirror = settled(2)
    mirror.leaving(["client0"])
    mirror.removed(["client0"])
    mirror.leaving(["client1"])
    #expect(mirror.report.frozenBecause == [.burst])
  }

  @Test func aClientIsFoundByTheNameThatTheLockManagerHas() {
    var mirror = MirrorProbe(["stored.example.com": line("10.0.0.7")])
    mirror.scan(["10.0.0.5": line("10.0.0.5"), "client.example.com": line("10.0.0.6")])
    let find = { mirror.instance.clients(monName: bytes($0)) }
    #expect(find("10.0.0.5") == ["10.0.0.5"])
    #expect(find("10.0.0.6") == ["client.example.com"])
    #expect(find("10.0.0.7") == ["stored.example.com"])
    #expect(find("10.0.0") == [])
  }
}
