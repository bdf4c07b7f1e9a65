import SharedStore
import Testing

/// Several nodes at once (rows C4 and B5: the first to update the owner wins, never two owners).
@Suite("Every store, used by several nodes at once", .timeLimit(.minutes(30)))
struct StoreConcurrencyTests {
  @Test(
    "C4 B5: of two nodes that race for the owner a thousand times one wins each time",
    arguments: BackEnd.allCases)
  func oneWinner(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let wins = Shared<[Int: [String]]>([:])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (name, node) in [("a", store.a), ("b", store.b)] {
        group.addTask {
          var epoch = 0
          while epoch < 1000 {
            let held: [UInt8]? = epoch == 0 ? nil : try await node.read("services/home/owner")
            if let held { epoch = try #require(Self.epoch(of: held)) }
            guard epoch < 1000 else { return }
            let next = bytes("\(epoch + 1) \(name)")
            switch try await node.write(
              ["services/home/owner": next], where: ["services/home/owner": held], durability: .visible)
            {
            case .committed:
              let won = epoch + 1
              wins.withLock { $0[won, default: []].append(name) }
              epoch = won
            case .conflict(_, let actual):
              epoch = try #require(actual.flatMap(Self.epoch))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    wins.withLock { wins in
      #expect(wins.count == 1000)
      #expect(wins.values.allSatisfy { $0.count == 1 })
    }
  }

  private static func epoch(of value: [UInt8]) -> Int? {
    String(decoding: value, as: UTF8.self).split(separator: " ").first.flatMap { Int($0) }
  }

  @Test(
    "no increment is lost when eight tasks on two nodes count in several keys", arguments: BackEnd.allCases)
  func noLostUpdate(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let keys = ["count/a", "count/b", "count/c"]
    try await store.a.write(Dictionary(uniqueKeysWithValues: keys.map { ($0, .some(bytes("0"))) }))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        let node = task.isMultiple(of: 2) ? store.a : store.b
        group.addTask {
          for _ in 0..<10 {
            while true {
              let held = try #require(try await node.read("count/a"))
              let next = bytes("\(try #require(Int(String(decoding: held, as: UTF8.self))) + 1)")
              let outcome = try await node.write(
                Dictionary(uniqueKeysWithValues: keys.map { ($0, .some(next)) }), where: ["count/a": held])
              if outcome == .committed { break }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(
      try await store.b.list("count") == Dictionary(uniqueKeysWithValues: keys.map { ($0, bytes("80")) }))
  }

  @Test("readers never see a transaction half, nor go back in time", arguments: BackEnd.allCases)
  func atomicForReaders(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let keys = ["t/1", "t/2", "t/u/3", "t/u/4"]
    let rounds = 60
    let value: @Sendable (Int) -> [String: [UInt8]?] = { round in
      Dictionary(uniqueKeysWithValues: keys.map { ($0, bytes("\(round)")) })
    }
    try await store.a.write(value(0))
    let isOver = Flag()
    try await withThrowingTaskGroup(of: Int.self) { group in
      group.addTask {
        for round in 1...rounds { try await store.a.write(value(round)) }
        isOver.raise()
        return 1
      }
      // Lists see one round everywhere.
      group.addTask {
        var seen = 0
        repeat {
          let values = Set(try await store.b.list("t").values)
          #expect(values.count == 1)
          let round = try #require(values.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) })
          #expect(round >= seen)
          seen = round
        } while !isOver.isUp
        return 1
      }
      // Single reads one after the other never see an older round than the read before.
      for node in [store.a, store.b] {
        group.addTask {
          var seen = 0
          var next = 0
          repeat {
            let held = try #require(try await node.read(keys[next % keys.count]))
            let round = try #require(Int(String(decoding: held, as: UTF8.self)))
            #expect(round >= seen)
            seen = round
            next += 1
          } while !isOver.isUp
          return next
        }
      }
      for try await reads in group { #expect(reads > 0) }
    }
    #expect(Set(try await store.b.list("t").values) == [bytes("\(rounds)")])
  }

  /// Comparing: as a node's beats, of which most are one byte in a file that stays.
  @Test(
    "a list is of one moment although single writes go on", arguments: BackEnd.allCases, [false, true])
  func listIsOneMoment(_ backEnd: BackEnd, comparing: Bool) async throws {
    let store = try await backEnd.open()
    let keys = (0..<20).map { "nodes/n\($0)/beat" }
    for key in keys { try await store.a.write([key: bytes("0")], durability: .visible) }
    let isOver = Flag()
    try await withThrowingTaskGroup(of: Void.self) { group in
      // One writer goes round: at each moment the values are n, …, n, n - 1, …, n - 1 in the order of the keys.
      group.addTask {
        for round in 1...60 {
          for key in keys {
            let outcome = try await store.a.write(
              [key: bytes("\(round)")], where: comparing ? [key: bytes("\(round - 1)")] : [:],
              durability: .visible)
            #expect(outcome == .committed)
          }
        }
        isOver.raise()
      }
      group.addTask {
        repeat {
          let values = try await store.b.list("nodes")
          let rounds = try keys.map { key in
            try #require(values[key].flatMap { Int(String(decoding: $0, as: UTF8.self)) })
          }
          #expect(rounds == rounds.sorted(by: >), "not as of one moment: \(rounds)")
          #expect(rounds[0] - rounds[19] <= 1, "not as of one moment: \(rounds)")
        } while !isOver.isUp
      }
      try await group.waitForAll()
    }
  }

  @Test(
    "a counter that is read while it grows is a whole number and never goes back", arguments: BackEnd.allCases
  )
  func growingCounter(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    func beat(_ count: Int) -> [UInt8] { bytes("place: a\ncounter: \(count)\nlease_ms: 4000\n") }
    try await store.a.write(["beat": beat(95)], durability: .visible)
    let isOver = Flag()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for count in 96...1_105 {
          let outcome = try await store.a.write(
            ["beat": beat(count)], where: ["beat": beat(count - 1)], durability: .visible)
          #expect(outcome == .committed)
        }
        isOver.raise()
      }
      group.addTask {
        var last = 95
        repeat {
          let found = try #require(try await store.b.read("beat"))
          // Looked for among those that can have been written, for a mixture could read as a number as well.
          let next = try #require(
            (last...1_105).first { beat($0) == found }, "\(String(decoding: found, as: UTF8.self))")
          last = next
        } while !isOver.isUp
      }
      try await group.waitForAll()
    }
  }

  @Test(
    "a write without a comparison never falls between another's comparison and commit",
    arguments: BackEnd.allCases)
  func blindWriteAgainstComparison(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["k": bytes("free"), "log/0": []])
    // One node marks the key from time to time; the other replaces "free" alone. A mark may disappear only
    // because its owner took it away again.
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for round in 0..<200 {
          try await store.a.write(["k": bytes("mark \(round)")], durability: .visible)
          #expect(try await store.a.read("k") == bytes("mark \(round)"))
          try await store.a.write(["k": bytes("free")], durability: .visible)
        }
      }
      group.addTask {
        for round in 0..<200 {
          _ = try await store.b.write(
            round.isMultiple(of: 2)
              ? ["k": bytes("free")] : ["k": bytes("free"), "log/0": bytes("\(round)")],
            where: ["k": bytes("free")], durability: .visible)
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("C4 B5: of two processes on one folder that race for the owner one wins each time")
  func oneWinnerOfTwoProcesses() async throws {
    let folder = try ScratchFolder()
    let store = DirectoryStore(path: folder.path)
    try await store.create(within: generous)
    async let ended: Void = Self.raceInOtherProcess(folder.path)
    let wins = try await Self.race(store, to: 500)
    await ended
    let others = try #require(try await store.read("wins").flatMap(Self.epoch))
    // Whoever wins raises the number by one: a second winner of one number would make the sum larger.
    #expect(wins + others == 500)
    #expect(try await store.read("owner") == bytes("500"))
  }

  private static func raceInOtherProcess(_ path: String) async {
    await #expect(processExitsWith: .success) { [path = path as String] in
      let store = DirectoryStore(path: path)
      let wins = try await Self.race(store, to: 500)
      try await store.write(["wins": bytes("\(wins)")])
    }
  }

  /// Raises the number in `owner` together with everybody else, and counts how often this one did it.
  private static func race(_ store: DirectoryStore, to end: Int) async throws -> Int {
    var wins = 0
    var held = try await store.read("owner")
    while true {
      let number = held.flatMap(epoch) ?? 0
      if number >= end { return wins }
      let next = bytes("\(number + 1)")
      switch try await store.write(["owner": next], where: ["owner": held], durability: .visible) {
      case .committed:
        wins += 1
        held = next
      case .conflict(_, let actual):
        held = actual
      }
    }
  }
}
