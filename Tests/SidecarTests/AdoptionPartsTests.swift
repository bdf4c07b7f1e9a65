import Cluster
import Foundation
import NodeHost
import StatusMonitor
import Testing

@testable import Sidecar

/// The parts of an adoption that touch this machine's files.
@Suite("Parts of an adoption") struct AdoptionPartsTests {
  private final class Folder {
    let path: String

    init() throws {
      path = NSTemporaryDirectory() + "lockferry-parts-" + UUID().uuidString
      for folder in ["/sm", "/sm.bak"] {
        try FileManager.default.createDirectory(atPath: path + folder, withIntermediateDirectories: true)
      }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, _ name: String) throws {
      try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
    }
  }

  private static let cookie = String(repeating: "0", count: 32)
  private static func line(_ myName: String) -> String {
    "0100007f 000186b5 00000003 00000010 \(cookie) 10.0.0.11 \(myName)\n"
  }

  private func merged(_ adopted: String, live: String?) throws -> StatusDirectory.Merge {
    let folder = try Folder()
    if let live { try folder.write(live, "sm/10.0.0.11") }
    return try StatusDirectory(path: folder.path).merge(Array(adopted.utf8), for: ClientName("10.0.0.11"))
  }

  private func text(_ merge: StatusDirectory.Merge) -> String? {
    guard case .install(let replacement) = merge else { return nil }
    return String(decoding: replacement.record, as: UTF8.self)
  }

  /// M5
  @Test func anAdoptedRecordJoinsTheLinesOfThisNodesStatd() throws {
    #expect(text(try merged(Self.line("a"), live: nil)) == Self.line("a"))
    #expect(text(try merged(Self.line("a"), live: Self.line("b"))) == Self.line("b") + Self.line("a"))
    guard case .isThere = try merged(Self.line("a"), live: Self.line("b") + Self.line("a")) else {
      Issue.record("a line that is there is installed again")
      return
    }
  }

  @Test func aFileThatACrashLeftEmptyIsReplaced() throws {
    #expect(text(try merged(Self.line("a"), live: "")) == Self.line("a"))
  }

  /// B1 M5: both read a record, add to it and put it back; neither may take the other's line away.
  @Test(.timeLimit(.minutes(30)))
  func anAdoptionAndTheStatusMonitorOfThisNodeWriteOneRecordAtOnce() async throws {
    let folder = try Folder()
    let directory = StatusDirectory(path: folder.path)
    let client = try ClientName("10.0.0.11")
    for round in 0..<40 {
      // From no file, from an empty one, and from one with a line.
      unlink("\(directory.records)/\(client)")
      if round % 3 > 0 { try folder.write(round % 3 == 1 ? "" : Self.line("before"), "sm/10.0.0.11") }
      async let monitored: Void = OwnThread.run("statd") {
        for number in 0..<6 {
          let line = try MonitorLine(parsing: Array(Self.line("own-\(number)").utf8.dropLast()))
          for result in directory.make([RecordChange(client: client, adding: [line])]) { try result.get() }
        }
      }
      async let adopted: Void = OwnThread.run("adoption") {
        for number in 0..<6 {
          let left = try directory.adopt([client: Array(Self.line("adopted-\(number)").utf8)]).left
          #expect(left.isEmpty)
        }
      }
      _ = try await (monitored, adopted)
      guard case .record(let bytes) = try directory.read(client) else {
        Issue.record("round \(round): no record")
        continue
      }
      let names = Set(MonitorRecord(parsing: bytes).monitorLines.map(\.myName))
      let expected = Set(
        (0..<6).flatMap { ["own-\($0)", "adopted-\($0)"] } + (round % 3 == 2 ? ["before"] : []))
      #expect(names == expected, "round \(round)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.records) == [client.text])
  }

  @Test func oneRecordThatCanNotBeInstalledSaysSo() throws {
    let folder = try Folder()
    try FileManager.default.createDirectory(
      atPath: folder.path + "/sm/10.0.0.11", withIntermediateDirectories: false)
    let directory = StatusDirectory(path: folder.path)
    for adopted in [Self.line("a"), ""] {
      guard case .cannot = try directory.merge(Array(adopted.utf8), for: ClientName("10.0.0.11")) else {
        Issue.record("\(adopted.isEmpty ? "an empty record" : "a folder in the way") passed")
        continue
      }
    }
  }

  /// M6: after a crash the same epoch goes on with whom it has not told; another epoch tells everybody anew.
  @Test(.enabled(if: getuid() == 0, "needs root: the folders get statd's owner"))
  func anInterruptedNotificationGoesOnWhereItWas() throws {
    let live = try Folder()
    let base = try Folder()
    // The statd user must be able to pass.
    chmod(base.path, 0o755)
    let notify = NotifyDirectory(path: base.path + "/notify/home")
    let (five, seven) = (try #require(StateNumber(5)), try #require(StateNumber(7)))
    let records = try Dictionary(
      uniqueKeysWithValues: ["10.0.0.11", "10.0.0.12"].map {
        (try ClientName($0), Array(Self.line("a").utf8))
      })
    let like = StatusDirectory(path: live.path)

    func note(_ number: StateNumber) -> NotifyDirectory.Note {
      .init(epoch: 2, number: number, boot: "this", startedAt: 5, graceLeft: 50_000, retry: 900_000)
    }

    #expect(notify.interrupted(epoch: 2, boot: "this") == nil)
    let first = try notify.prepare(note(five), records: records, like: like).directory
    #expect(try first.clients(in: .records).count == 2)
    #expect(try first.stateNumber() == .number(five))

    // sm-notify retires a record and unlinks it when its client has answered.
    #expect(unlink(first.records + "/10.0.0.11") == 0)
    var later = note(five)
    later.startedAt = 77
    let (noted, again) = try notify.prepare(later, records: records, like: like)
    #expect(noted == note(five))
    #expect(try again.clients(in: .records).map(\.text) == ["10.0.0.12"])
    let interrupted = try #require(notify.interrupted(epoch: 2, boot: "this"))
    #expect(interrupted.note == note(five))
    #expect(try interrupted.directory.clients(in: .records).map(\.text) == ["10.0.0.12"])
    #expect(notify.interrupted(epoch: 3, boot: "this") == nil)
    #expect(notify.interrupted(epoch: 2, boot: "the next") == nil)

    // A new number means that what was told before may have been lost: everybody again, in a directory of its own.
    let renewed = try notify.prepare(note(seven), records: records, like: like).directory
    #expect(try renewed.clients(in: .records).count == 2)
    #expect(try renewed.stateNumber() == .number(seven))
    #expect(renewed.path != first.path)
    #expect(!FileManager.default.fileExists(atPath: first.path))
  }

  /// B2: an attempt that can't be prepared leaves the one before as it was.
  @Test(.enabled(if: getuid() == 0, "needs root: the folders get statd's owner"))
  func anAttemptThatCanNotBePreparedLeavesTheLastOneAsItWas() throws {
    let live = try Folder()
    let base = try Folder()
    chmod(base.path, 0o755)
    let notify = NotifyDirectory(path: base.path + "/notify/home")
    let like = StatusDirectory(path: live.path)
    let client = try ClientName("10.0.0.11")
    let five = NotifyDirectory.Note(
      epoch: 2, number: try #require(StateNumber(5)), boot: "this", startedAt: 5, graceLeft: 1, retry: 1)
    let seven = NotifyDirectory.Note(
      epoch: 2, number: try #require(StateNumber(7)), boot: "this", startedAt: 6, graceLeft: 1, retry: 1)
    _ = try notify.prepare(five, records: [client: Array(Self.line("a").utf8)], like: like)
    #expect(throws: (any Error).self) { try notify.prepare(seven, records: [client: []], like: like) }
    let left = try #require(notify.interrupted(epoch: 2, boot: "this"))
    #expect(left.note == five)
    #expect(try left.directory.clients(in: .records) == [client])
  }

  @Test func whatWasGivenUpIsRememberedUntilItIsTakenUp() throws {
    let folder = try Folder()
    let marks = ServiceMarks(runDirectory: folder.path)
    let (home, data) = (try #require(ServiceName("home")), try #require(ServiceName("data")))
    #expect(marks.marked(.givenUp, [home, data]).isEmpty)
    try marks.put(.givenUp, home)
    try marks.put(.givenUp, home)
    try marks.put(.broughtUp, data)
    let others = ServiceMarks(runDirectory: folder.path)
    #expect(others.marked(.givenUp, [home, data]) == [home])
    #expect(others.marked(.broughtUp, [home, data]) == [data])
    marks.remove(.givenUp, home)
    marks.remove(.givenUp, home)
    #expect(marks.marked(.givenUp, [home, data]).isEmpty)
  }

  @Test func aStoreThatWasSeenIsNeverMadeAnew() throws {
    let folder = try Folder()
    let memory = StoreMemory(stateDirectory: folder.path)
    let store = folder.path + "/store"
    #expect(try memory.mayCreate(store))
    #expect(try !memory.mayCreate(folder.path + "/none/store"))
    #expect(try !memory.mayCreate(folder.path + "/sm"))
    try memory.remember(store)
    try memory.remember(store)
    #expect(try !memory.mayCreate(store))
    #expect(try memory.mayCreate(store + "2"))
  }
}
