import Cluster
import Foundation
import StatusMonitor
import Testing

@testable import Sidecar

/// B6: what a recovery leaves for the next daemon, and what it says to people.
@Suite struct RecoveryNoteTests {
  private static func record(_ monName: String) -> [UInt8] {
    Array("0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) \(monName) nfs\n".utf8)
  }

  private func note(_ records: [ClientName: [UInt8]]) throws -> RecoveryNote {
    RecoveryNote(
      epoch: 4, number: try #require(StateNumber(7)), boot: "this", startedAt: WallMark(),
      graceEnds: 51_000, sawGrace: true, records: records.noted, present: [:])
  }

  @Test("B6 the next daemon of this boot and epoch knows what the last one did, whatever the bytes")
  func roundTrip() async throws {
    try await withFolder { folder in
      let place = RecoveryNote.Place(try #require(ServiceName("home")), stateDirectory: folder)
      #expect(place.read(epoch: 4, boot: "this") == nil)
      let (one, two) = (try ClientName("one"), try ClientName("two"))
      let note = try note([one: [0, 255, 10], two: Self.record("two")])
      try place.write(note)
      try place.append([one: BootInstant(sinceBoot: .milliseconds(2_500))])
      // A daemon that was killed while it wrote.
      let path = folder + "/recovery/home.registered"
      let torn = try String(contentsOfFile: path, encoding: .utf8) + "\ntwo\t"
      try torn.write(toFile: path, atomically: false, encoding: .utf8)
      try place.append([two: BootInstant(sinceBoot: .milliseconds(3_000))])
      let read = try #require(place.read(epoch: 4, boot: "this"))
      #expect(read.note == note && [ClientName: [UInt8]](noted: read.note.records)[one] == [0, 255, 10])
      #expect(
        read.registered == [
          one: BootInstant(sinceBoot: .milliseconds(2_500)),
          two: BootInstant(sinceBoot: .milliseconds(3_000)),
        ])
      #expect(place.read(epoch: 5, boot: "this") == nil && place.read(epoch: 4, boot: "that") == nil)
      place.remove()
      #expect(place.read(epoch: 4, boot: "this") == nil)
      try place.write(note)
      #expect(place.read(epoch: 4, boot: "this")?.registered == [:])
    }
  }

  @Test("B6 a record that went and came is new, also where nobody looked in between")
  func inbox() throws {
    let inbox = RecordInbox()
    let (one, two) = (try ClientName("one"), try ClientName("two"))
    inbox.see(one, [1])
    inbox.see(two, [2])
    #expect(inbox.take().mapValues(\.isNew) == [one: false, two: false])
    #expect(inbox.take().isEmpty)
    inbox.lose(one)
    #expect(inbox.take().isEmpty)
    inbox.see(one, [1])
    inbox.see(one, [1, 1])
    let sights = inbox.take()
    #expect(sights[one]?.isNew == true && sights[one]?.record == [1, 1])
    inbox.see(one, [1])
    #expect(inbox.take()[one]?.isNew == false)
  }

  @Test("B6 B9 what rpc.statd has written since the inbox is there is known as that, until it is taken")
  func rewritten() throws {
    let start = BootInstant.now
    let inbox = RecordInbox(since: start)
    let name = try ClientName("one")
    inbox.see(name, [1], rewrittenAt: start)
    #expect(inbox.take()[name]?.isRewritten == false)
    inbox.see(name, [1], rewrittenAt: start + .milliseconds(1))
    inbox.see(name, [1])
    let sight = inbox.take()[name]
    #expect(sight?.isRewritten == true && sight?.isNew == false)
    inbox.see(name, [1])
    #expect(inbox.take()[name]?.isRewritten == false)
  }

  @Test("B6 an operator reads when and by which name a client was told, and what may be lost")
  func words() throws {
    let start = WallMark()
    let now = start.instant
    let names = ["silent", "untold", "back"]
    var records: [ClientName: [UInt8]] = [:]
    for name in names { records[try ClientName(name)] = Self.record(name) }
    var ledger = RecoveryLedger(records: records, present: records, graceEnds: now)
    _ = ledger.onGrace(.running, now: now)
    _ = ledger.onRecord(
      try ClientName("back"), Self.record("back"), isNew: true, now: now + .milliseconds(20))
    var report = RecoveryReport(
      ledger: ledger, ending: nil, startedAt: start, tellingSince: now, names: ["nfs.lab.test", "nfs"])
    let silent = HistoryEntry.Client(client: "silent", told: true, toldMilliseconds: 1_000)
    #expect(report.annotate(silent).outcome == "pending" && report.annotate(silent).why == nil)
    ledger.close(.graceOver, told: [try ClientName("silent")], restarted: [])
    report.ledger = ledger
    report.ending = (.graceOver, now + .seconds(50))
    let annotated = report.annotate(silent)
    #expect(annotated.outcome == "possibly_lost" && annotated.told)
    let (told, ended) = (start.text(of: now + .seconds(1)), start.text(of: now + .seconds(50)))
    let why = try #require(annotated.why)
    #expect(why.hasPrefix("told at \(told)") && why.contains("as nfs.lab.test, nfs, not registered again"))
    #expect(
      why.contains("when the grace period ended at \(ended)") && why.contains("what it still held is lost"))
    let untold = report.annotate(HistoryEntry.Client(client: "untold", told: false, problem: "no answer"))
    #expect(untold.outcome == "lost" && untold.problem == "no answer")
    #expect(untold.why?.hasPrefix("not told when the grace period ended at ") == true)
    let back = report.annotate(HistoryEntry.Client(client: "back", told: true))
    #expect(back.outcome == "registered" && back.registeredMilliseconds == 20 && back.why == nil)
  }
}
