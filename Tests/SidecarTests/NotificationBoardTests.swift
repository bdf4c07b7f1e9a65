import Cluster
import Foundation
import Logging
import NodeHost
import Testing

@testable import Sidecar
@testable import StatusMonitor

/// B2: what happens to a notification of which another begins, or which is stopped, while it begins itself.
@Suite(
  "Notifications of one service", .enabled(if: getuid() == 0, "needs root: the folders get statd's owner"))
struct NotificationBoardTests {
  private struct Room {
    let board: NotificationBoard
    let base: String
    let home: ServiceName

    func assignment(_ number: Int32, retry: Duration = .seconds(600)) throws -> NotificationAssignment {
      NotificationAssignment(
        service: home, epoch: 2, number: try #require(StateNumber(number)), teller: .builtIn,
        names: ["localhost", "127.0.0.1"], addresses: [], retry: retry, graceLeft: .seconds(40),
        gracePeriod: .seconds(50))
    }

    /// Where nobody listens.
    func records(_ count: Int) throws -> [ClientName: [UInt8]] {
      let cookie = String(repeating: "0", count: 32)
      return try Dictionary(
        uniqueKeysWithValues: (0..<count).map { number in
          let client = "127.255.\(number >> 8).\(number & 0xff)"
          return (
            try ClientName(client),
            Array("0100007f 000186b5 00000003 00000010 \(cookie) \(client) nfs\n".utf8)
          )
        })
    }

    func directory(_ number: Int) -> StatusDirectory {
      StatusDirectory(path: "\(base)/notify/home/2-\(number)")
    }

    /// Waits until the attempt's directory is being filled.
    func waitUntilFilling(_ number: Int) async throws {
      try await wait("attempt \(number) is being filled") {
        let files = try? FileManager.default.contentsOfDirectory(atPath: directory(number).records)
        return files?.isEmpty == false
      }
    }

    func wait(_ what: String, until condition: () async throws -> Bool) async throws {
      let deadline = ContinuousClock.now + .seconds(60)
      while try await !condition() {
        try #require(ContinuousClock.now < deadline, "\(what)")
        try await Task.sleep(for: .milliseconds(1))
      }
    }
  }

  private func withRoom(_ body: (Room) async throws -> Void) async throws {
    try await withFolder { base in
      for folder in ["/live", "/live/sm", "/live/sm.bak"] {
        try FileManager.default.createDirectory(atPath: base + folder, withIntermediateDirectories: true)
      }
      let board = NotificationBoard(
        stateDirectory: base, live: StatusDirectory(path: base + "/live"), boot: "this", jobs: JobQueue(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
      try await body(Room(board: board, base: base, home: try #require(ServiceName("home"))))
      await board.stopAll()
    }
  }

  @Test(
    "B2 a service that leaves, or a daemon that ends, while the clients' records are laid out tells nobody any more",
    arguments: [false, true])
  func stop(ofAll: Bool) async throws {
    try await withRoom { room in
      let (assignment, records) = (try room.assignment(5), try room.records(4_000))
      let telling = Task { try await room.board.tell(assignment, records, patience: .seconds(30)) }
      try await room.waitUntilFilling(5)
      if ofAll { await room.board.stopAll() } else { await room.board.stop(room.home) }
      await #expect(throws: PlanError.self) { try await telling.value }
      #expect(await room.board.status(room.home) == nil)
    }
  }

  @Test(
    "B2 the second of two operators tells the clients, though the first one's records take longer to lay out")
  func second() async throws {
    try await withRoom { room in
      let (first, many) = (try room.assignment(5), try room.records(4_000))
      let telling = Task { try await room.board.tell(first, many, patience: .zero) }
      try await room.waitUntilFilling(5)
      let (all, told) = try await room.board.tell(room.assignment(7), room.records(50), patience: .zero)
      #expect(all == 50 && told == 0)
      let error = await #expect(throws: PlanError.self) { try await telling.value }
      #expect(error?.message.contains("was stopped") == true)
      let status = try #require(await room.board.status(room.home))
      #expect(status.stateNumber == 7 && status.all == 50 && status.ended == nil)
      #expect(try room.directory(7).clients(in: .retired).count == 50)
      #expect(try await room.board.graceLeft(room.home, epoch: 2) != nil)
    }
  }

  @Test("B2 a daemon that goes on tells nobody who has answered, and knows everybody")
  func continuation() async throws {
    try await withRoom { room in
      let assignment = try room.assignment(5)
      _ = try await room.board.tell(assignment, room.records(10), patience: .zero)
      await room.board.stopAll()
      // Three have answered; the record of one of them is still there, and one has answered to one name alone.
      let directory = room.directory(5)
      func name(_ number: Int) throws -> ClientName { try ClientName("127.255.0.\(number)") }
      try AttemptLedger(in: directory).append(
        try (0..<4).map { number in
          NotificationLedger(
            client: try name(number), isTold: number < 3, names: ["localhost"], attempts: 1,
            firstAnswer: .milliseconds(1), told: number < 3 ? .milliseconds(2) : nil)
        }, elapsed: .zero)
      #expect(try directory.forget([name(0), name(1)]).isEmpty)

      let went = try #require(try await room.board.goOn(assignment))
      #expect(went.left == 7 && went.number.value == 5)
      let status = try #require(await room.board.status(room.home))
      #expect(status.all == 10 && status.told == 3)
      let clients = try #require(await room.board.clients(room.home, epoch: 2))
      #expect(
        clients.count == 10
          && clients.filter(\.told).map(\.client).sorted() == (0..<3).map { "127.255.0.\($0)" })
      #expect(clients.first { $0.client == "127.255.0.3" }?.names?.contains("localhost") == true)
    }
  }

  @Test(
    "B2 where all have answered, or the time is up, nobody is told; what became of them is known all the same"
  )
  func over() async throws {
    try await withRoom { room in
      let assignment = try room.assignment(5, retry: .milliseconds(1))
      _ = try await room.board.tell(assignment, room.records(3), patience: .zero)
      await room.board.stopAll()
      #expect(try await room.board.goOn(assignment)?.left == 0)
      let late = try #require(await room.board.status(room.home))
      #expect(late.all == 3 && late.told == 0 && late.ended == "the time for telling is up")
      await room.board.stopAll()

      for client in try room.records(3).keys {
        try FileManager.default.removeItem(atPath: room.directory(5).records + "/\(client)")
      }
      #expect(try await room.board.goOn(assignment)?.left == 0)
      let status = try #require(await room.board.status(room.home))
      #expect(status.all == 3 && status.told == 3 && status.ended == "all were told")
      #expect(try await room.board.goOn(NotificationAssignment.other(assignment)) == nil)
    }
  }
}

extension NotificationAssignment {
  /// The same under another epoch.
  fileprivate static func other(_ assignment: NotificationAssignment) -> NotificationAssignment {
    var other = assignment
    other.epoch += 1
    return other
  }
}
