import SharedStore
import Testing

/// What every back end promises, one and the same for all (architecture.md, rules 2 and 3).
@Suite("Every store", .timeLimit(.minutes(30)))
struct StoreConformanceTests {
  @Test("reads back what was written, from another node", arguments: BackEnd.allCases)
  func readsWhatWasWritten(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let everyByte = (0...255).map { UInt8($0) }
    #expect(try await store.a.write(["services/home/owner": everyByte]) == .committed)
    #expect(try await store.b.read("services/home/owner") == everyByte)
    #expect(try await store.b.read("services/home/state") == nil)
  }

  @Test("reads several keys in one call and leaves out what is absent", arguments: BackEnd.allCases)
  func readsSeveralKeys(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["nodes/a/beat": [1], "nodes/b/beat": [], "services/home/owner": [2]])
    let keys = try ["nodes/a/beat", "nodes/b/beat", "nodes/c/beat", "services/home/owner", "services"].map {
      try StoreKey(at: $0)
    }
    #expect(
      try await store.b.read(keys, within: generous) == [keys[0]: [1], keys[1]: [], keys[3]: [2]])
    #expect(try await store.b.read([], within: generous).isEmpty)
  }

  @Test("a look reads keys, and what may be missing without harm, in one call", arguments: BackEnd.allCases)
  func looks(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["owner": [1], "order": [5], "reports/a/x": [2], "reports/b/y": [3]])
    let keys = try ["owner", "absent", "order", "nothing", "reports", "void"].map { try StoreKey(at: $0) }
    let sight = try await store.b.look(
      at: Array(keys[0...1]), aside: Array(keys[2...3]), below: Array(keys[4...5]), within: generous)
    #expect(sight.values == [keys[0]: [1], keys[2]: [5]])
    let below =
      try [StoreKey(at: "reports/a/x"): [2], StoreKey(at: "reports/b/y"): [3]] as [StoreKey: [UInt8]]
    #expect(sight.below == [keys[4]: below, keys[5]: [:]])
  }

  @Test("tells an empty value from an absent key", arguments: BackEnd.allCases)
  func emptyIsNotAbsent(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["services/home/owner": []])
    #expect(try await store.b.read("services/home/owner") == [])
    #expect(
      try await store.b.write(["services/home/owner": bytes("x")], where: ["services/home/owner": nil])
        == .conflict(key: StoreKey(at: "services/home/owner"), actual: []))
  }

  @Test("keeps the largest value and refuses a larger one", arguments: BackEnd.allCases)
  func largestValue(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let largest = [UInt8](repeating: 7, count: 1_048_576)
    try await store.a.write(["large": largest])
    #expect(try await store.b.read("large") == largest)
    #expect(await failure { try await store.a.write(["large": largest + [8]]) }?.code == .invalidKey)
    #expect(try await store.b.read("large") == largest)
  }

  @Test("keeps a key whose every part is as long as it may be", arguments: BackEnd.allCases)
  func longestKey(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let key = try StoreKey(["services", "home", "sm", String(repeating: "~", count: 255)])
    let transaction = StoreTransaction(writes: [.init(key, bytes("v")), .init(try StoreKey(at: "b"), [1])])
    #expect(try await store.a.commit(transaction, within: generous) == .committed)
    #expect(try await store.b.read(key, within: generous) == bytes("v"))
    #expect(try await store.b.list("services/home/sm").count == 1)
  }

  @Test("writes and deletes several keys as one", arguments: BackEnd.allCases)
  func severalKeys(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["services/home/sm/1": bytes("one"), "services/home/sm/2": bytes("two")])
    try await store.a.write([
      "services/home/sm/1": nil, "services/home/sm/3": bytes("three"), "config/active": [1],
    ])
    #expect(
      try await store.b.list("services/home/sm")
        == ["services/home/sm/2": bytes("two"), "services/home/sm/3": bytes("three")])
    #expect(try await store.b.read("services/home/sm/1") == nil)
    #expect(try await store.b.read("config/active") == [1])
  }

  @Test("deletes a key, also one that is absent", arguments: BackEnd.allCases)
  func deletes(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["nodes/a/beat": [1]])
    #expect(try await store.a.write(["nodes/a/beat": nil]) == .committed)
    #expect(try await store.a.write(["nodes/a/beat": nil]) == .committed)
    #expect(try await store.a.write(["nodes/none/beat": nil]) == .committed)
    #expect(try await store.a.write(["nodes/none/beat": nil, "nodes/nobody/beat": nil]) == .committed)
    #expect(try await store.b.list("nodes") == [:])
  }

  @Test("a conflict names the first key that differs and what it holds", arguments: BackEnd.allCases)
  func conflictNamesKey(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["a": bytes("1"), "b": bytes("2"), "c": bytes("3")])
    let outcome = try await store.b.commit(
      StoreTransaction(
        comparisons: [
          .init(try StoreKey(at: "c"), equals: bytes("3")), .init(try StoreKey(at: "b"), equals: bytes("x")),
          .init(try StoreKey(at: "a"), equals: nil),
        ], writes: [.init(try StoreKey(at: "a"), bytes("9")), .init(try StoreKey(at: "d"), bytes("9"))]),
      within: generous)
    #expect(outcome == .conflict(key: try StoreKey(at: "b"), actual: bytes("2")))
    #expect(try await store.a.read("a") == bytes("1"))
    #expect(try await store.a.read("d") == nil)
    #expect(
      try await store.b.write(["d": [1]], where: ["none": bytes("x")])
        == .conflict(key: StoreKey(at: "none"), actual: nil))
  }

  @Test("a comparison with absence holds once", arguments: BackEnd.allCases)
  func comparesAbsence(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    #expect(try await store.a.write(["o": bytes("a")], where: ["o": nil]) == .committed)
    #expect(
      try await store.b.write(["o": bytes("b")], where: ["o": nil])
        == .conflict(key: StoreKey(at: "o"), actual: bytes("a")))
    #expect(try await store.b.write(["o": nil], where: ["o": bytes("a")]) == .committed)
    #expect(try await store.b.write(["o": bytes("b")], where: ["o": nil]) == .committed)
  }

  @Test(
    "a transaction without writes only compares; one without anything commits", arguments: BackEnd.allCases)
  func comparesAlone(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["o": [1]])
    #expect(try await store.b.write([:], where: ["o": [1]]) == .committed)
    #expect(
      try await store.b.write([:], where: ["o": [2]]) == .conflict(key: StoreKey(at: "o"), actual: [1]))
    #expect(try await store.b.write([:]) == .committed)
  }

  @Test("a batch of hundreds under one comparison is all or nothing", arguments: BackEnd.allCases)
  func largeBatch(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["services/home/owner": bytes("a 1")])
    let batch: [String: [UInt8]?] = Dictionary(
      uniqueKeysWithValues: (0..<300).map { ("services/home/sm/10.0.0.\($0)", bytes("record \($0)")) })
    #expect(
      try await store.b.write(batch, where: ["services/home/owner": bytes("b 2")])
        == .conflict(key: StoreKey(at: "services/home/owner"), actual: bytes("a 1")))
    #expect(try await store.b.list("services/home/sm") == [:])
    #expect(try await store.a.write(batch, where: ["services/home/owner": bytes("a 1")]) == .committed)
    #expect(try await store.b.list("services/home/sm") == batch.compactMapValues { $0 })
  }

  @Test("lists what is below a prefix, at any depth, and nothing beside it", arguments: BackEnd.allCases)
  func listsBelow(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write([
      "services/home/owner": [1], "services/home/sm/x": [2], "services/home/bids/3/a": [3],
      "services/home2/owner": [4], "nodes/a/beat": [5],
    ])
    #expect(
      try await store.b.list("services/home")
        == ["services/home/owner": [1], "services/home/sm/x": [2], "services/home/bids/3/a": [3]])
    #expect(try await store.b.list("services/home/owner") == [:])
    #expect(try await store.b.list("none/at/all") == [:])
  }

  @Test("refuses a transaction that writes a key twice", arguments: BackEnd.allCases)
  func refusesTwice(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    let key = try StoreKey(at: "a")
    let error = await failure {
      _ = try await store.a.commit(
        StoreTransaction(writes: [.init(key, [1]), .init(key, [2])]), within: generous)
    }
    #expect(error?.code == .invalidKey)
    #expect(try await store.b.read("a") == nil)
  }

  @Test("refuses a value for the folder of another key, and writes nothing", arguments: BackEnd.allCases)
  func refusesNested(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    try await store.a.write(["a/b": [1]])
    #expect(await failure { try await store.a.write(["a": [2]]) }?.code == .invalidKey)
    #expect(await failure { try await store.a.write(["a": [2], "other": [2]]) }?.code == .invalidKey)
    #expect(await failure { try await store.a.write(["a/b/c": [2]]) }?.code == .invalidKey)
    #expect(await failure { try await store.a.write(["a/b/c": [2], "other": [2]]) }?.code == .invalidKey)
    #expect(await failure { try await store.a.write(["x": [2], "x/y": [2]]) }?.code == .invalidKey)
    #expect(try await store.b.read("a") == nil)
    #expect(try await store.b.read("a/b/c") == nil)
    #expect(try await store.b.read("a/b") == [1])
    #expect(try await store.b.read("x") == nil)
    #expect(try await store.b.read("other") == nil)
  }

  @Test("writes that need only be visible are seen at once by another node", arguments: BackEnd.allCases)
  func visibleWrites(_ backEnd: BackEnd) async throws {
    let store = try await backEnd.open()
    for beat in UInt8(0)..<100 {
      try await store.a.write(["nodes/a/beat": [beat]], durability: .visible)
      #expect(try await store.b.read("nodes/a/beat") == [beat])
    }
  }
}
