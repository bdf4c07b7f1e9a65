import Cluster
import StatusMonitor
import Testing

/// B6: what is known of each client's locks, and what is not.
@Suite("The ledger of a recovery (B6)")
struct RecoveryLedgerTests {
  private static func instant(_ seconds: Double) -> BootInstant {
    BootInstant(sinceBoot: .milliseconds(Int(seconds * 1000)))
  }

  private static func record(_ monName: String, cookie: Character = "0", server: String = "nfs") -> [UInt8] {
    Array(
      "0100007f 000186b5 00000003 00000010 \(String(repeating: cookie, count: 32)) \(monName) \(server)\n"
        .utf8)
  }

  private let one: ClientName = "one.lab"
  private let two: ClientName = "10.0.0.2"
  private let three: ClientName = "10.0.0.3"

  /// Clients one (10.0.0.1), two and three, of whom grace ends at 50 s where nobody sees it.
  private func ledger(present: [ClientName: [UInt8]]? = nil) -> RecoveryLedger {
    let records = [
      one: Self.record("10.0.0.1"), two: Self.record("10.0.0.2"), three: Self.record("10.0.0.3"),
    ]
    return RecoveryLedger(records: records, present: present ?? records, graceEnds: Self.instant(50))
  }

  @Test func whoRegistersWithAnotherCookieIsBack() {
    var ledger = ledger()
    #expect(ledger.onGrace(.running, now: Self.instant(0)) == .goOn)
    #expect(ledger.onRecord(two, Self.record("10.0.0.2"), isNew: false, now: Self.instant(1)) == [])
    #expect(
      ledger.onRecord(two, Self.record("10.0.0.2", cookie: "1"), isNew: false, now: Self.instant(2)) == [two])
    // The same once more.
    #expect(
      ledger.onRecord(two, Self.record("10.0.0.2", cookie: "2"), isNew: false, now: Self.instant(3)) == [])
    #expect(ledger.verdict(two) == .registered && ledger.verdict(one) == .pending)
    #expect(ledger.registered == [two: Self.instant(2)])
    #expect(ledger.counts == [.registered: 1, .pending: 2])
  }

  @Test(
    "rpc.statd that does not know the file adds a line to it, the same one where the lock manager has no cookies"
  )
  func added() {
    var ledger = ledger()
    let before = Self.record("10.0.0.2")
    #expect(ledger.onRecord(two, before + before, isNew: false, now: Self.instant(1)) == [two])
    let other = Self.record("10.0.0.3") + Self.record("10.0.0.3", server: "other")
    #expect(ledger.onRecord(three, other, isNew: false, now: Self.instant(1)) == [three])
  }

  @Test(
    "B9 rpc.statd takes a line that it has already out and in again for SM_MON: what it wrote and says the same is back"
  )
  func rewritten() {
    let before = Self.record("10.0.0.2", server: "a") + Self.record("10.0.0.2", server: "b")
    var ledger = ledger(present: [two: before])
    // Ours, and SM_UNMON.
    #expect(ledger.onRecord(two, before, isNew: false, isRewritten: false, now: Self.instant(1)) == [])
    let less = Self.record("10.0.0.2", server: "a")
    #expect(ledger.onRecord(two, less, isNew: false, isRewritten: true, now: Self.instant(2)) == [])
    #expect(ledger.onRecord(two, before, isNew: false, isRewritten: true, now: Self.instant(3)) == [two])
  }

  @Test(
    "A record that was removed and is there again, or of which a callout told, is new though it looks the same"
  )
  func same() {
    var ledger = ledger()
    #expect(ledger.onRecord(two, Self.record("10.0.0.2"), isNew: true, now: Self.instant(1)) == [two])
    // What was never there is new as well.
    var empty = self.ledger(present: [:])
    #expect(empty.onRecord(two, Self.record("10.0.0.2"), isNew: false, now: Self.instant(1)) == [two])
  }

  @Test("The lock manager's name of a client counts, whatever this node's status monitor calls the file")
  func renamed() {
    var ledger = ledger()
    let literal: ClientName = "10.0.0.1"
    #expect(
      ledger.onRecord(literal, Self.record("10.0.0.1", cookie: "7"), isNew: false, now: Self.instant(1)) == [
        one
      ])
    let stranger: ClientName = "10.0.0.9"
    #expect(ledger.onRecord(stranger, Self.record("10.0.0.9"), isNew: true, now: Self.instant(1)) == [])
  }

  @Test func aFileThatIsNotYetWrittenIsNoRecord() {
    var ledger = ledger(present: [:])
    #expect(ledger.onRecord(two, [], isNew: true, now: Self.instant(1)) == [])
  }

  @Test func aRecordThatCannotBeReadStandsForItsName() {
    let garbage = Array("garbage\n".utf8)
    var ledger = RecoveryLedger(records: [two: garbage], present: [two: garbage], graceEnds: Self.instant(50))
    #expect(ledger.onRecord(two, garbage, isNew: false, now: Self.instant(1)) == [])
    let again = garbage + Self.record("10.0.0.2")
    #expect(ledger.onRecord(two, again, isNew: false, now: Self.instant(1)) == [two])
  }

  @Test func whenTheGracePeriodIsOverEachClientHasAVerdict() {
    var ledger = ledger()
    #expect(ledger.onGrace(.running, now: Self.instant(0)) == .goOn)
    _ = ledger.onRecord(one, Self.record("10.0.0.1", cookie: "1"), isNew: false, now: Self.instant(4))
    #expect(ledger.onGrace(.running, now: Self.instant(80)) == .goOn)
    #expect(ledger.onGrace(.over, now: Self.instant(90)) == .close(.graceOver))
    ledger.close(.graceOver, told: [one, two], restarted: [])
    #expect(ledger.verdict(one) == .registered)
    #expect(ledger.verdict(two) == .silent && ledger.verdict(three) == .untold)
    #expect(ledger.counts == [.registered: 1, .silent: 1, .untold: 1])
    // Too late: a refused reclaim writes the record as well.
    #expect(
      ledger.onRecord(two, Self.record("10.0.0.2", cookie: "1"), isNew: true, now: Self.instant(91)) == [])
    #expect(ledger.verdict(two) == .silent)
    // Who is told later stays untold in time.
    ledger.close(.graceOver, told: [one, two, three], restarted: [])
    #expect(ledger.verdict(three) == .untold)
  }

  @Test func onceEverybodyIsBackNothingMoreIsToBeLearnt() {
    var ledger = ledger()
    #expect(ledger.onGrace(.unseen, now: Self.instant(0)) == .goOn)
    for client in [one, two, three] {
      _ = ledger.onRecord(client, Self.record("x", cookie: "1"), isNew: false, now: Self.instant(1))
    }
    #expect(ledger.onGrace(.unseen, now: Self.instant(2)) == .close(.everybodyIsBack))
    ledger.onLocks(.init(back: 1, held: 2, isFinal: false))
    #expect(ledger.onGrace(.running, now: Self.instant(2)) == .goOn)
    ledger.onLocks(.init(back: 2, held: 2, isFinal: true))
    #expect(ledger.onGrace(.over, now: Self.instant(2)) == .close(.everybodyIsBack))
  }

  @Test func whereEveryLockIsBackNobodyHasLostAny() {
    var ledger = ledger()
    _ = ledger.onGrace(.running, now: Self.instant(0))
    _ = ledger.onRecord(one, Self.record("10.0.0.1", cookie: "1"), isNew: false, now: Self.instant(1))
    ledger.onLocks(.init(back: 3, held: 3, isFinal: true))
    #expect(ledger.onGrace(.over, now: Self.instant(2)) == .close(.graceOver))
    ledger.close(.graceOver, told: [one, two], restarted: [])
    #expect(ledger.counts == [.registered: 1, .heldNothing: 2])
  }

  @Test func whereALockIsMissingNobodyKnowsWhose() {
    var ledger = ledger()
    _ = ledger.onGrace(.running, now: Self.instant(0))
    ledger.onLocks(.init(back: 2, held: 3, isFinal: true))
    _ = ledger.onGrace(.over, now: Self.instant(2))
    ledger.close(.graceOver, told: [one, two], restarted: [three])
    #expect(ledger.counts == [.silent: 2, .restarted: 1])
  }

  @Test("The last count of the locks is waited for, not for ever")
  func lastCount() {
    var ledger = ledger()
    _ = ledger.onGrace(.running, now: Self.instant(0))
    ledger.onLocks(.init(back: 2, held: 3, isFinal: false))
    #expect(ledger.onGrace(.over, now: Self.instant(10)) == .goOn)
    #expect(ledger.onGrace(.over, now: Self.instant(11.9)) == .goOn)
    #expect(ledger.onGrace(.over, now: Self.instant(12)) == .close(.graceOver))
    ledger.onLocks(nil)
    #expect(ledger.onGrace(.over, now: Self.instant(10.5)) == .close(.graceOver))
  }

  @Test("Where no grace period ran, who came back was refused")
  func refused() {
    var ledger = ledger()
    #expect(ledger.onGrace(.over, now: Self.instant(0)) == .close(.noGrace))
    _ = ledger.onRecord(one, Self.record("10.0.0.1", cookie: "1"), isNew: false, now: Self.instant(1))
    ledger.close(.noGrace, told: [one, two], restarted: [])
    #expect(ledger.counts == [.refused: 2, .untold: 1])
  }

  @Test("A grace period that nobody sees is over when its length has passed")
  func unseen() {
    var ledger = ledger()
    #expect(ledger.onGrace(.unseen, now: Self.instant(49.9)) == .goOn)
    #expect(ledger.onGrace(.unseen, now: Self.instant(50)) == .close(.timeIsUp))
  }

  @Test("A daemon that was away when the grace period ended does not say who was in time")
  func away() {
    var ledger = RecoveryLedger(
      records: [one: Self.record("10.0.0.1"), two: Self.record("10.0.0.2"), three: Self.record("10.0.0.3")],
      present: [two: Self.record("10.0.0.2"), three: Self.record("10.0.0.3")], graceEnds: Self.instant(50),
      registered: [one: Self.instant(3)], sawGrace: true)
    ledger.onLateRecord(one, Self.record("10.0.0.1"))
    ledger.onLateRecord(two, Self.record("10.0.0.2", cookie: "1"))
    ledger.onLateRecord(three, Self.record("10.0.0.3"))
    #expect(ledger.onGrace(.over, now: Self.instant(60)) == .close(.graceOver))
    ledger.close(.graceOver, told: [one, two, three], restarted: [])
    #expect(ledger.counts == [.registered: 1, .unwatched: 1, .silent: 1])
  }

  @Test("A record costs the same however many clients there are")
  func many() throws {
    var records: [ClientName: [UInt8]] = [:]
    for number in 0..<10_000 {
      let name = "10.\(number >> 8).0.\(number & 255)"
      records[try ClientName(name)] = Self.record(name)
    }
    var ledger = RecoveryLedger(records: records, present: records, graceEnds: Self.instant(50))
    for (client, record) in records {
      #expect(ledger.onRecord(client, record, isNew: false, now: Self.instant(1)).isEmpty)
      #expect(ledger.onRecord(client, record + record, isNew: false, now: Self.instant(1)) == [client])
    }
    #expect(ledger.onGrace(.running, now: Self.instant(2)) == .close(.everybodyIsBack))
  }
}
