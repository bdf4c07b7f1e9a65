import Cluster
import Foundation
import SharedStore
import Testing

@testable import Sidecar

/// B6: every client of an entry of the history, however many they are.
@Suite struct HistoryLedgerTests {
  private static func clients(_ count: Int, told: Bool = true) -> [HistoryEntry.Client] {
    (0..<count).map { number in
      HistoryEntry.Client(
        client: "10.\(number >> 16).\(number >> 8 & 0xff).\(number & 0xff)", told: told,
        problem: told ? nil : "no answer", address: "10.0.0.1", attempts: 1, firstAnswerMilliseconds: number)
    }
  }

  private static func sorted(_ clients: [HistoryEntry.Client]) -> [HistoryEntry.Client] {
    clients.sorted { $0.client < $1.client }
  }

  @Test("B6 a part has at most 2,000 clients", arguments: [0, 1, 2_000, 2_001, 4_500])
  func parts(count: Int) throws {
    let clients = Self.clients(count)
    let parts = try HistoryLedger.parts(of: clients)
    #expect(parts.count == (count + 1_999) / 2_000)
    #expect(parts.flatMap { HistoryLedger.clients(in: $0) } == Self.sorted(clients))
  }

  @Test("B6 a part stays far below what a value of the store takes, whatever is in it")
  func longNames() throws {
    let clients = (0..<500).map { number in
      HistoryEntry.Client(
        client: "\(number)-" + String(repeating: "c", count: 250), told: number.isMultiple(of: 2),
        problem: String(repeating: "\u{1}\"é", count: 300),
        names: (0..<30).map { "\($0)" + String(repeating: "n", count: 253) })
    }
    let parts = try HistoryLedger.parts(of: clients)
    #expect(parts.allSatisfy { $0.count <= 512 * 1_024 } && parts.count > 5)
    #expect(parts.flatMap { HistoryLedger.clients(in: $0) } == Self.sorted(clients))
    // One that is greater alone has a part of its own: there is no other way to keep it.
    let giant = HistoryEntry.Client(
      client: "giant", told: false, problem: String(repeating: "x", count: 600_000))
    #expect(
      try HistoryLedger.parts(of: [giant] + Self.clients(2)).map { $0.count > 512 * 1_024 } == [false, true])
  }

  @Test("B6 a line that can't be read hides no other")
  func damaged() throws {
    let part = try #require(try HistoryLedger.parts(of: Self.clients(3)).first)
    let damaged = Array("{\"client\": \"10.0\n".utf8) + part + Array("garbage".utf8)
    #expect(HistoryLedger.clients(in: damaged) == Self.sorted(Self.clients(3)))
    #expect(HistoryLedger.clients(in: []).isEmpty)
  }

  // MARK: - In a real store

  private struct Room {
    let store: DirectoryStore
    let path: String
    let service: ServiceName

    var files: [String] {
      let files = try? FileManager.default.contentsOfDirectory(
        atPath: path + "/services/home/ledger/00000007")
      return (files ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    func commit(_ writes: [StoreTransaction.Write]) async throws {
      let outcome = try await store.commit(
        StoreTransaction(comparisons: [], writes: writes), within: .seconds(60))
      #expect(outcome == .committed)
    }

    /// Writes ledger and entry; with `after` fails when so many parts are written.
    func write(
      _ clients: [HistoryEntry.Client], of entry: inout HistoryEntry, failAfter most: Int = .max
    ) async throws {
      var written = 0
      var writes = try await HistoryLedger.write(clients, of: &entry, service, in: store) { write in
        guard written < most else { throw CancellationError() }
        written += 1
        try await commit([write])
      }
      writes.append(.init(try ClusterKeys.history(service, number: 7), try StoreJSON.bytes(entry)))
      try await commit(writes)
    }

    func entry() async throws -> HistoryEntry {
      let bytes = try await store.read(try ClusterKeys.history(service, number: 7), within: .seconds(60))
      return try #require(bytes.flatMap { StoreJSON.value(HistoryEntry.self, $0) })
    }
  }

  private func withRoom(_ body: (Room) async throws -> Void) async throws {
    try await withFolder { folder in
      let store = DirectoryStore(path: folder + "/store")
      try FileManager.default.createDirectory(
        atPath: folder + "/store", withIntermediateDirectories: false)
      try await store.create(within: .seconds(60))
      try await body(
        Room(store: store, path: folder + "/store", service: try #require(ServiceName("home"))))
    }
  }

  private var newEntry: HistoryEntry {
    HistoryEntry(
      number: 7, service: "home", kind: "adoption", from: nil, to: "b", epoch: 3, because: "test",
      startedAt: "", milliseconds: 1, outcome: "done", problem: nil, stateNumber: 9, steps: [])
  }

  @Test(
    "B6 an entry counts its clients, names few, and its ledger names all; a shorter one leaves nothing behind"
  )
  func rewriting() async throws {
    try await withRoom { room in
      var entry = newEntry
      let untold = Self.clients(5_000, told: false)
      try await room.write(untold, of: &entry)
      #expect(room.files == ["00000001", "00000002", "00000003"])
      let first = try await room.entry()
      #expect(first.clientCount == 5_000 && first.untoldCount == 5_000 && first.untold.count == 20)
      #expect(try StoreJSON.bytes(first).count < 16_384)
      var (clients, isWhole) = try await HistoryLedger.read(first, room.service, in: room.store)
      #expect(isWhole && clients == Self.sorted(untold))

      entry = first
      let told = Self.clients(1_500)
      try await room.write(told, of: &entry)
      #expect(room.files == ["00000004"])
      let second = try await room.entry()
      #expect(second.clientCount == 1_500 && second.untoldCount == 0 && second.untold.isEmpty)
      (clients, isWhole) = try await HistoryLedger.read(second, room.service, in: room.store)
      #expect(isWhole && clients == Self.sorted(told))

      try await room.write([], of: &entry)
      #expect(room.files.isEmpty)
      #expect(try await room.entry().ledger == nil)
    }
  }

  @Test(
    "B6 a crash between the parts leaves the entry with the clients that it had, and the next writing clears up"
  )
  func crash() async throws {
    try await withRoom { room in
      var entry = newEntry
      let before = Self.clients(2_500, told: false)
      try await room.write(before, of: &entry)
      for parts in 0...3 {
        var lost = try await room.entry()
        await #expect(throws: CancellationError.self) {
          try await room.write(Self.clients(8_000), of: &lost, failAfter: parts)
        }
        let (clients, isWhole) = try await HistoryLedger.read(
          try await room.entry(), room.service, in: room.store)
        #expect(isWhole && clients == Self.sorted(before))
      }
      #expect(room.files.count > 2)
      var last = try await room.entry()
      try await room.write(Self.clients(10), of: &last)
      #expect(room.files.count == 1)
    }
  }

  @Test("B6 parts that are missing or nonsense are said to be missing")
  func missing() async throws {
    try await withRoom { room in
      var entry = newEntry
      try await room.write(Self.clients(2_500), of: &entry)
      try FileManager.default.removeItem(atPath: room.path + "/services/home/ledger/00000007/00000001")
      let (clients, isWhole) = try await HistoryLedger.read(entry, room.service, in: room.store)
      #expect(!isWhole && clients.count == 500)
      for (first, count) in [(Int.max, 1), (1, Int.max), (-1, 1), (0, 3), (1, 0)] {
        entry.ledger = .init(first: first, count: count)
        let (clients, isWhole) = try await HistoryLedger.read(entry, room.service, in: room.store)
        #expect(!isWhole && clients.isEmpty)
      }
    }
  }
}
