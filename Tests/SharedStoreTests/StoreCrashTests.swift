import Glibc
import Testing

@testable import SharedStore

/// Writers that die (issue 2, part 3: all or nothing across a crash at any point).
@Suite("The directory store when a writer is killed", .timeLimit(.minutes(30)), .serialized)
struct StoreCrashTests {
  /// What the dying writers do, from values that are all "1".
  enum Commit: String, CaseIterable, Codable, Sendable {
    case single, singleInNewFolder, delete, several, many

    /// The keys that are written, with their values after the commit.
    var writes: [String: [UInt8]?] {
      switch self {
      case .single: ["services/home/owner": bytes("2")]
      case .singleInNewFolder: ["new/folder/owner": bytes("2")]
      case .delete: ["services/home/owner": nil]
      case .several:
        [
          "services/home/owner": bytes("2"), "services/home/sm/1": nil, "services/home/sm/2": bytes("2"),
          "new/x": bytes("2"),
        ]
      case .many:
        Dictionary(
          uniqueKeysWithValues: (0..<20).map { ("services/home/sm/\($0)", $0 == 3 ? nil : bytes("2")) })
      }
    }

    func run(at path: String, steps: (@Sendable (String) -> Void)?) async throws -> StoreOutcome {
      try await DirectoryStore(path: path, steps: steps).write(writes, where: ["guard": bytes("1")])
    }
  }

  private static let beginning: [String: [UInt8]?] = Dictionary(
    uniqueKeysWithValues: (["guard", "services/home/owner"] + (0..<4).map { "services/home/sm/\($0)" }).map {
      ($0, bytes("1"))
    })

  @Test(
    "every crash between two system calls leaves all or nothing, and the next writer goes on",
    arguments: Commit.allCases)
  func everyStep(_ commit: Commit) async throws {
    // As many crashes as the commit has steps, counted in a run to the end.
    let steps = Shared(0)
    let whole = try await Self.newStore()
    #expect(try await commit.run(at: whole.path, steps: { _ in steps.withLock { $0 += 1 } }) == .committed)
    let count = steps.withLock { $0 }
    #expect(count >= 2)
    var endings: Set<Bool> = []
    for step in 1...count {
      let folder = try await Self.newStore()
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = folder.path as String, commit = commit as Commit, step = step as Int] in
        let reached = Shared(0)
        _ = try await commit.run(
          at: path,
          steps: { _ in
            if reached.withLock({
              $0 += 1; return $0
            }) == step {
              kill(getpid(), SIGKILL)
            }
          })
      }
      let next = DirectoryStore(path: folder.path)
      // Whatever meets the remains first: a list, a writer, a reader.
      switch step % 3 {
      case 0: _ = try await next.list("services")
      case 1: #expect(try await next.write(["after": [1]], where: ["guard": bytes("1")]) == .committed)
      default: break
      }
      var seen: Set<Bool> = []
      for (key, value) in commit.writes {
        let held = try await next.read(key)
        let before = Self.beginning[key] ?? nil
        #expect(held == value || held == before, "step \(step), \(key)")
        seen.insert(held == value)
      }
      #expect(seen.count == 1, "step \(step) left half of the transaction")
      endings.formUnion(seen)
      #expect(
        try await next.write(
          ["guard": bytes("2"), "services/home/owner": bytes("3")], where: ["guard": bytes("1")])
          == .committed)
      #expect(try await next.read("services/home/owner") == bytes("3"))
      #expect(access(folder.path + "/.journal", F_OK) != 0)
    }
    // A crash at the first step comes before the commit, one at the last step after it.
    #expect(endings == [true, false] || commit == .delete)
  }

  @Test("a writer that is killed at any moment, 200 times, leaves all or nothing, and the next goes on")
  func anyMoment() async throws {
    let folder = try await Self.newStore()
    let keys = ["count/a", "count/b", "count/c/d", "count/c/e", "count/single"]
    try await DirectoryStore(path: folder.path).write(
      Dictionary(uniqueKeysWithValues: keys.map { ($0, bytes("0")) }))
    var endings: Set<[UInt8]> = []
    for round in 1...200 {
      async let ending: Void = Self.writeUntilKilled(folder.path)
      try await Self.killWriter(folder.path, afterCommits: round % 3, and: Int.random(in: 0...20_000))
      await ending
      // Only now: the dying process may still announce itself, and its number must not be met again.
      unlink(folder.path + "/.writer")
      let store = DirectoryStore(path: folder.path)
      // The dead writer counted in four keys at once, and then in one of its own.
      var values = try await store.list("count")
      let single = values.removeValue(forKey: "count/single")
      #expect(values.count == 4)
      #expect(Set(values.values).count == 1, "round \(round) left half of a transaction: \(values)")
      let count = try #require(values["count/a"].flatMap(Self.number))
      #expect(try #require(single.flatMap(Self.number)) <= count)
      endings.insert(try #require(single))
      try await store.write(["guard": bytes("1")], where: ["guard": bytes("1")])
    }
    // The writers came to commit between their deaths.
    #expect(endings.count > 10)
    #expect(access(folder.path + "/.journal", F_OK) != 0)
  }

  private static func number(_ value: [UInt8]) -> Int? { Int(String(decoding: value, as: UTF8.self)) }

  private static func newStore() async throws -> ScratchFolder {
    let folder = try ScratchFolder()
    let store = DirectoryStore(path: folder.path)
    try await store.create(within: generous)
    try await store.write(beginning)
    return folder
  }

  private static func writeUntilKilled(_ path: String) async {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let store = DirectoryStore(path: path)
      try Self.announce(0, in: path)
      var commits: Int32 = 0
      while true {
        let held = try await store.read("count/a")
        let next = bytes("\(try #require(held.flatMap(Self.number)) + 1)")
        try await store.write(
          ["count/a": next, "count/b": next, "count/c/d": next, "count/c/e": next],
          where: ["guard": bytes("1")])
        try await store.write(["count/single": next], where: ["count/a": next])
        commits += 1
        try Self.announce(commits, in: path)
      }
    }
  }

  /// Says which process has done so many commits.
  private static func announce(_ commits: Int32, in path: String) throws {
    let numbers = [Int32(getpid()), commits]
    try numbers.withUnsafeBytes { Array($0) }.write(to: path + "/.writer.new")
    rename(path + "/.writer.new", path + "/.writer")
  }

  /// Waits until the writer has done so many commits, gives it some microseconds more, and kills it.
  private static func killWriter(_ path: String, afterCommits commits: Int, and microseconds: Int)
    async throws
  {
    while true {
      if let file = try? StoreFile(path + "/.writer", in: nil, flags: O_RDONLY) {
        let numbers = try file.contents(limit: 8, expecting: 8).withUnsafeBytes {
          Array($0.bindMemory(to: Int32.self))
        }
        try #require(numbers.count == 2)
        if numbers[1] >= commits {
          try await Task.sleep(for: .microseconds(microseconds))
          #expect(kill(numbers[0], SIGKILL) == 0)
          return
        }
      }
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}
