import Glibc
import Testing

@testable import SharedStore

/// Beats cost their node little: most of them are one byte in the file that is there.
@Suite("A value of which one byte changes", .timeLimit(.minutes(30)))
struct OneByteChangeTests {
  let folder: ScratchFolder
  let store: DirectoryStore
  /// What the store has changed in its files.
  private let steps: Shared<[String]>

  init() async throws {
    folder = try ScratchFolder()
    let steps = Shared<[String]>([])
    self.steps = steps
    store = DirectoryStore(path: folder.path, steps: { step in steps.withLock { $0.append(step) } })
    try await store.create(within: generous)
  }

  @Test("is told from all others")
  func kinds() {
    #expect(
      OneByteChange(from: bytes("10"), to: bytes("11")) == OneByteChange(from: bytes("00"), to: bytes("01")))
    #expect(OneByteChange(from: bytes("10"), to: bytes("20"))?.offset == 0)
    #expect(OneByteChange(from: bytes("10"), to: bytes("20"))?.byte == UInt8(ascii: "2"))
    #expect(OneByteChange(from: bytes("10"), to: bytes("10")) == nil)
    #expect(OneByteChange(from: bytes("09"), to: bytes("10")) == nil)
    #expect(OneByteChange(from: bytes("9"), to: bytes("10")) == nil)
    #expect(OneByteChange(from: [], to: []) == nil)
  }

  @Test(
    "is one write into the file that is there, so that a crash at any point leaves the old value or the new one"
  )
  func inPlace() async throws {
    try await put(17)
    let before = try status()
    try await untilTimesDiffer(from: before)
    steps.withLock { $0 = [] }
    #expect(try await count(from: 17, to: 18) == .committed)
    #expect(steps.withLock { $0 } == ["overwrite beat"])
    #expect(try status().st_ino == before.st_ino)
    #expect(try await DirectoryStore(path: folder.path).read("nodes/a/beat") == beat(18))
    #expect(try names() == ["beat"])
  }

  @Test(
    "a change of several bytes, or one that has to be durable, or is not compared with what was there, makes a new file"
  )
  func newFile() async throws {
    for (old, new, durability, compares) in [
      (19, 20, StoreTransaction.Durability.visible, true), (17, 18, .durable, true),
      (17, 18, .visible, false),
      (99, 100, .visible, true),
    ] {
      try await put(old)
      let before = try status()
      try await untilTimesDiffer(from: before)
      let outcome = try await store.write(
        ["nodes/a/beat": beat(new)], where: compares ? ["nodes/a/beat": beat(old)] : [:],
        durability: durability)
      #expect(outcome == .committed)
      #expect(try status().st_ino != before.st_ino, "\(old) to \(new), \(durability)")
      #expect(try await store.read("nodes/a/beat") == beat(new))
      #expect(try names() == ["beat"])
    }
  }

  @Test("does not happen where another value is there, or another key has changed")
  func conflicts() async throws {
    try await put(17)
    try await store.write(["owner": bytes("b")])
    let key = try StoreKey(at: "nodes/a/beat")
    #expect(try await count(from: 15, to: 16) == .conflict(key: key, actual: beat(17)))
    let outcome = try await store.write(
      ["nodes/a/beat": beat(18)], where: ["nodes/a/beat": beat(17), "owner": bytes("a")], durability: .visible
    )
    #expect(outcome == .conflict(key: try StoreKey(at: "owner"), actual: bytes("b")))
    #expect(try await store.read("nodes/a/beat") == beat(17))
    #expect(try names() == ["beat"])
  }

  /// A list takes what it has read for what holds as long as the file's version is the same. ramfs has the clock that older
  /// kernels have for every file system: one step of it is some milliseconds.
  @Test(
    "leaves a file of another version each time, however fast the changes follow each other",
    .enabled(if: MountRoom.isPossible, "needs root: mounts a ramfs"))
  func versions() async throws {
    let room = try await MountRoom()
    try await room.mount("lockferry", "ramfs", at: folder.path, options: "mode=700")
    let steps = steps
    let path = folder.path
    let store = try await room.run {
      DirectoryStore(path: path, steps: { step in steps.withLock { $0.append(step) } })
    }
    try await store.create(within: generous)
    try await store.write(["beat": beat(10)], durability: .visible)
    let version = { try await room.run { try StoreFile(path + "/beat", in: nil, flags: O_RDONLY).version() } }
    var last = try await version()
    // Until one needed a new file after its byte was written.
    repeat {
      for count in [11, 12, 13, 14, 15, 16, 17, 18, 19, 10] {
        let old = count == 10 ? 19 : count - 1
        let outcome = try await store.write(
          ["beat": beat(count)], where: ["beat": beat(old)], durability: .visible)
        #expect(outcome == .committed)
        let now = try await version()
        try #require(now != last)
        last = now
      }
    } while !steps.withLock({ steps in
      zip(steps, steps.dropFirst()).contains { $0 == "overwrite beat" && $1.hasPrefix("create") }
    })
  }

  @Test("leaves a backup made of hard links as it is")
  func hardLink() async throws {
    try await put(17)
    try await untilTimesDiffer(from: try status())
    #expect(link(folder.path + "/nodes/a/beat", folder.path + "/backup") == 0)
    #expect(try await count(from: 17, to: 18) == .committed)
    #expect(try await store.read("nodes/a/beat") == beat(18))
    #expect(try await store.read("backup") == beat(17))
  }

  @Test(
    "a file that somebody puts in its place meanwhile, lock or no lock, stays, and the change is not taken for made"
  )
  func replaced() async throws {
    try await put(17)
    try await untilTimesDiffer(from: try status())
    let path = folder.path + "/nodes/a/beat"
    let other = folder.path + "/other"
    try beat(99).withUnsafeBytes { bytes in
      let number = open(other, O_WRONLY | O_CREAT | O_EXCL, 0o600)
      try #require(number >= 0)
      defer { close(number) }
      try #require(write(number, bytes.baseAddress, bytes.count) == bytes.count)
    }
    let store = DirectoryStore(
      path: folder.path, steps: { if $0 == "overwrite beat" { rename(other, path) } })
    let failure = await failure {
      try await store.write(
        ["nodes/a/beat": beat(18)], where: ["nodes/a/beat": beat(17)], durability: .visible)
    }
    #expect(failure?.code == .timedOut)
    #expect(try await store.read("nodes/a/beat") == beat(99))
  }

  @Test("damage in the key's place is told, not written into")
  func damage() async throws {
    try await store.write(["nodes/a/other": [1], "elsewhere": beat(17)])
    #expect(symlink(folder.path + "/elsewhere", folder.path + "/nodes/a/beat") == 0)
    #expect(await failure { _ = try await count(from: 17, to: 18) }?.code == .damaged)
    #expect(try await store.read("elsewhere") == beat(17))
  }

  // MARK: - Parts

  private func beat(_ count: Int) -> [UInt8] { bytes("place: a\ncounter: \(count)\nlease_ms: 4000\n") }

  private func put(_ count: Int) async throws {
    try await store.write(["nodes/a/beat": beat(count)], durability: .visible)
  }

  private func count(from old: Int, to new: Int) async throws -> StoreOutcome {
    try await store.write(
      ["nodes/a/beat": beat(new)], where: ["nodes/a/beat": beat(old)], durability: .visible)
  }

  private func status(of path: String = "nodes/a/beat") throws -> stat {
    var status = stat()
    try #require(lstat(folder.path + "/" + path, &status) == 0)
    return status
  }

  private func names() throws -> [String] {
    let folder = try StoreFile(folder.path + "/nodes/a", in: nil, flags: O_RDONLY | O_DIRECTORY)
    return try folder.names().map(\.name).filter { $0 != "." && $0 != ".." }.sorted()
  }

  /// Until a change of this file gets another time than the one that it has.
  private func untilTimesDiffer(from status: stat) async throws {
    let probe = folder.path + "/.probe"
    while true {
      let number = open(probe, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      try #require(number >= 0)
      try #require(write(number, "x", 1) == 1)
      close(number)
      let now = try self.status(of: ".probe").st_ctim
      if (now.tv_sec, now.tv_nsec) != (status.st_ctim.tv_sec, status.st_ctim.tv_nsec) { break }
      await Task.yield()
    }
    unlink(probe)
  }
}
