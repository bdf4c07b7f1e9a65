import CLinux
import Glibc
import Testing

@testable import SharedStore

/// Real faults of real file systems: full, gone, hanging.
@Suite("The directory store on a failing file system", .timeLimit(.minutes(30)))
struct StoreFaultTests {
  let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  @Test(
    "a full disk: nothing of the transaction is visible, and with room it goes on",
    .enabled(if: MountRoom.isPossible, "needs root: mounts a small tmpfs"))
  func fullDisk() async throws {
    let room = try await MountRoom()
    try await room.mount("lockferry", "tmpfs", at: folder.path, options: "size=256k,mode=700")
    let store = try await room.store(at: folder.path)
    try await store.create(within: generous)
    try await store.write(["owner": bytes("a 1"), "sm/0": bytes("old")])
    // Fills up to the last page.
    let ballast = folder.path + "/ballast"
    try await room.run {
      let file = try StoreFile(ballast, in: nil, flags: O_WRONLY | O_CREAT)
      do throws(StoreFailure) {
        while true { try file.write([UInt8](repeating: 0, count: 4096)) }
      } catch {
        #expect(error.number == ENOSPC)
      }
    }
    for count in [1, 3, 40] {
      let batch = Dictionary(
        uniqueKeysWithValues: (0..<count).map { ("sm/\($0)", [UInt8]?.some(bytes("new"))) })
      for comparisons in [[:], ["owner": bytes("a 1")]] as [[String: [UInt8]?]] {
        let error = await failure { try await store.write(batch, where: comparisons) }
        #expect(error?.code == .full, "\(count): \(String(describing: error))")
        #expect(error?.message.contains(folder.path) == true)
      }
      #expect(try await store.list("sm") == ["sm/0": bytes("old")])
    }
    let left = try await room.run { [path = folder.path] in
      (try directoryNames(path) + directoryNames(path + "/sm")).filter {
        $0.hasPrefix(".new") || $0 == ".journal"
      }
    }
    #expect(left == [])
    // Deleting needs no room.
    #expect(try await store.write(["sm/0": nil]) == .committed)
    #expect(try await room.run { unlink(ballast) } == 0)
    for count in [1, 3, 40] {
      let batch = Dictionary(
        uniqueKeysWithValues: (0..<count).map { ("sm/\($0)", [UInt8]?.some(bytes("new"))) })
      #expect(try await store.write(batch, where: ["owner": bytes("a 1")]) == .committed)
    }
    #expect(try await store.list("sm").count == 40)
  }

  @Test(
    "a disk that fills up at any point of a batch leaves all or nothing",
    .enabled(if: MountRoom.isPossible, "needs root: mounts a small tmpfs"))
  func fillsUpMidway() async throws {
    let room = try await MountRoom()
    try await room.mount("lockferry", "tmpfs", at: folder.path, options: "size=128k,nr_inodes=64,mode=700")
    let store = try await room.store(at: folder.path)
    try await store.create(within: generous)
    try await store.write(["owner": bytes("a 1")])
    let batch = Dictionary(uniqueKeysWithValues: (0..<12).map { ("sm/\($0)", [UInt8]?.some(bytes("new"))) })
    var outcomes: [Bool] = []
    // First no inode is left, then one more each time, until all of the batch fits.
    for spare in 0..<20 {
      let ballast = try await room.run { [path = folder.path] in
        var names: [String] = []
        while true {
          let name = path + "/ballast\(names.count)"
          guard let file = try? StoreFile(name, in: nil, flags: O_WRONLY | O_CREAT) else { break }
          try file.close()
          names.append(name)
        }
        for name in names.suffix(spare) { unlink(name) }
        return names
      }
      do {
        #expect(try await store.write(batch, where: ["owner": bytes("a 1")]) == .committed)
        #expect(try await store.list("sm").count == 12)
        outcomes.append(true)
      } catch {
        #expect((error as? StoreError)?.code == .full)
        #expect(try await store.list("sm") == [:])
        outcomes.append(false)
      }
      try await room.run { for name in ballast { unlink(name) } }
      try await store.write(batch.mapValues { _ in nil })
    }
    #expect(outcomes.first == false)
    #expect(outcomes.last == true)
    #expect(outcomes == outcomes.sorted { !$0 && $1 })
  }

  @Test(
    "an unmounted file system is unavailable, and nothing is written beneath; mounted again it works",
    .enabled(if: MountRoom.isPossible, "needs root: mounts a tmpfs"))
  func unmounted() async throws {
    let room = try await MountRoom()
    try await room.mount("lockferry", "tmpfs", at: folder.path, options: "mode=700")
    let (kept, path) = (folder.path + ".kept", folder.path)
    #expect(mkdir(kept, 0o700) == 0)
    defer { ScratchFolder.remove(kept) }
    let store = try await room.store(at: path)
    try await store.create(within: generous)
    try await store.write(["a": [1]])
    // A second mount of the same file system keeps its contents meanwhile.
    let moved = try await room.run { mount(path, kept, nil, UInt(MS_BIND), nil) }
    try #require(moved == 0)
    try await room.unmount(path)
    let error = await failure { try await store.write(["a": [2]]) }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("mount") == true)
    #expect(await failure { _ = try await store.list("a") }?.code == .unavailable)
    #expect(await failure { try await store.write(["a": [2], "b": [2]]) }?.code == .unavailable)
    #expect(try directoryNames(path) == [])
    let returned = try await room.run { mount(kept, path, nil, UInt(MS_BIND), nil) }
    try #require(returned == 0)
    #expect(try await store.read("a") == [1])
    #expect(try await store.write(["a": [2]], where: ["a": [1]]) == .committed)
  }

  @Test(
    "a file system that hangs: every call returns at its limit, nothing is written late, and it works again after",
    .enabled(if: MountRoom.isPossible, "needs root: mounts a FUSE file system that nobody serves"))
  func hangs() async throws {
    let room = try await MountRoom()
    let store = try await room.store(at: folder.path)
    try await store.create(within: generous)
    try await store.write(["a": [1], "sm/1": [1]])
    // A FUSE connection that nobody reads: every call on it waits, as on a dead NFS server.
    let server = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    try #require(server >= 0, "needs /dev/fuse")
    try await room.mount(
      "lockferry", "fuse", at: folder.path, options: "fd=\(server),rootmode=40000,user_id=0,group_id=0")
    let short = Duration.seconds(1)
    let begin = ContinuousClock.now
    let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
      for call in 0..<60 {
        group.addTask {
          await failure {
            let key = try StoreKey(at: "late\(call)")
            switch call % 4 {
            case 0: _ = try await store.read(StoreKey(at: "a"), within: short)
            case 1: _ = try await store.list(below: StoreKey(at: "sm"), within: short)
            case 2: _ = try await store.commit(StoreTransaction(writes: [.init(key, [1])]), within: short)
            default:
              _ = try await store.commit(
                StoreTransaction(comparisons: [.init(key, equals: nil)], writes: [.init(key, [1])]),
                within: short)
            }
          }?.code
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(codes.count == 60)
    #expect(codes.allSatisfy { $0 == .timedOut })
    // Not sixty limits one after the other in a queue of fifteen.
    #expect(ContinuousClock.now - begin < .seconds(45))
    #expect(close(server) == 0)
    try await room.unmount(folder.path)
    #expect(try await store.read("a") == [1])
    #expect(try await store.write(["a": [2]], where: ["a": [1]]) == .committed)
    #expect(try await store.list("sm") == ["sm/1": [1]])
    #expect(try directoryNames(folder.path).filter { $0.hasPrefix("late") || $0.hasPrefix(".new") } == [])
  }

  @Test(
    "a write that hangs in a file call and whose caller gave up is not finished when the file system comes back",
    .enabled(if: MountRoom.isPossible, "needs root: freezes an ext4 file system of its own"))
  func frozen() async throws {
    let room = try await MountRoom()
    let (image, path) = (folder.path + ".image", folder.path)
    // The image is unlinked once it is mounted, so that nothing stays of it however the test ends.
    let isMounted = try await room.run {
      defer { unlink(image) }
      return system(
        "truncate -s 16M \(image) && /usr/sbin/mkfs.ext4 -q -F \(image) && mount -o loop \(image) \(path)")
        == 0
    }
    try #require(isMounted, "needs mkfs.ext4 and a loop device")
    // A frozen file system outlives its last mount. This child sees its pipe end when the test ends, also when
    // the test is killed, and thaws it.
    let guardian = try await room.run {
      try #require(
        popen("read line; fsfreeze -u \(path) 2>/dev/null; exit 0", "we").map { UInt(bitPattern: $0) })
    }
    defer { _ = UnsafeMutablePointer<FILE>(bitPattern: guardian).map { pclose($0) } }
    let store = try await room.store(at: path)
    try await store.create(within: generous)
    try await store.write(["a": [1]])
    #expect(try await room.run { system("fsfreeze -f \(path)") } == 0)
    let short = Duration.milliseconds(200)
    let calls: [[String: [UInt8]?]] = [["a": [2]], ["b": [2]], ["a": [3], "c": [3]]]
    for writes in calls {
      for comparisons in [[:], ["a": [1]]] as [[String: [UInt8]?]] {
        let error = await failure { try await store.write(writes, where: comparisons, within: short) }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("nothing was") == true, "\(String(describing: error))")
      }
    }
    #expect(try await room.run { system("fsfreeze -u \(path)") } == 0)
    // The threads that hung come back first: their queues are in order.
    #expect(try await store.write(["z": [1]]) == .committed)
    #expect(try await store.write(["z": [1]], where: ["z": [1]]) == .committed)
    #expect(try await store.read("a") == [1])
    #expect(try await store.read("b") == nil)
    #expect(try await store.read("c") == nil)
    #expect(
      try await room.run { try directoryNames(path).filter { $0.hasPrefix(".new") || $0 == ".journal" } }
        == [])
    try await room.unmount(path)
  }

  @Test(
    "a lock that another node keeps: transactions return at their limit and write nothing; beats and reads pass"
  )
  func heldLock() async throws {
    let store = DirectoryStore(path: folder.path)
    try await store.create(within: generous)
    try await store.write(["owner": [1], "beat": [1]], where: ["owner": nil])
    let other = open(folder.path + "/.lock", O_RDWR | O_CLOEXEC)
    try #require(other >= 0)
    #expect(lff_lock_range(other, true, 0, 1) == 0)
    let short = Duration.milliseconds(100)
    for writes in [["owner": [2]], ["owner": [2], "more": [2]], [:]] as [[String: [UInt8]?]] {
      let error = await failure { try await store.write(writes, where: ["owner": [1]], within: short) }
      #expect(error?.code == .timedOut)
      #expect(error?.message.contains("lock") == true, "\(String(describing: error))")
    }
    #expect(
      await failure { _ = try await store.list(below: StoreKey(at: "x"), within: short) }?.code == .timedOut)
    for beat in UInt8(0)..<50 {
      try await store.write(["beat": [beat]], durability: .visible)
      #expect(try await store.read("beat") == [beat])
    }
    #expect(close(other) == 0)
    #expect(try await store.write(["owner": [3]], where: ["owner": [1]]) == .committed)
    #expect(try await store.read("more") == nil)
  }

  @Test("a node that freezes in the middle of a commit: beats pass although reads of its keys wait")
  func frozenCommitter() async throws {
    let store = DirectoryStore(path: folder.path)
    try await store.create(within: generous)
    try await store.write(["owner": [1], "beat": [1]])
    // What the frozen node has done: its journal is in place, its lock held, its renames not made yet.
    let other = open(folder.path + "/.lock", O_RDWR | O_CLOEXEC)
    try #require(other >= 0)
    #expect(lff_lock_range(other, true, 0, 1) == 0)
    try bytes("new").write(to: folder.path + "/.new-frozen-1")
    try StoreJournal(entries: [.set(try StoreKey(at: "owner"), from: ".new-frozen-1")]).bytes.write(
      to: folder.path + "/.journal")
    async let read = store.read("owner")
    async let written: StoreOutcome = store.write(["owner": bytes("later")])
    for beat in UInt8(0)..<50 {
      try await store.write(["beat": [beat]], durability: .visible, within: .seconds(30))
      #expect(try await store.read("beat") == [beat])
    }
    #expect(try directoryNames(folder.path).contains(".new-frozen-1"))
    #expect(close(other) == 0)
    #expect(try await written == .committed)
    let seen = try await read
    #expect(seen == bytes("new") || seen == bytes("later"))
    #expect(try await store.read("owner") == bytes("later"))
  }

  @Test("a call without time returns at once and writes nothing")
  func noTime() async throws {
    let store = DirectoryStore(path: folder.path)
    try await store.create(within: generous)
    for limit in [Duration.zero, .seconds(-5)] {
      #expect(await failure { try await store.write(["a": [1]], within: limit) }?.code == .timedOut)
    }
    #expect(try await store.read("a") == nil)
    // As much time as a Duration can say is no overflow.
    _ = try await store.read(StoreKey(at: "a"), within: .seconds(Int64.max))
  }

  @Test("a store that is let go ends its threads")
  func endsThreads() async throws {
    try await Self.useAndForget(folder.path)
    // Threads of other tests come and go: so many more than before can't be theirs.
    let before = try Self.threads()
    for _ in 0..<100 { try await Self.useAndForget(folder.path) }
    let deadline = ContinuousClock.now + .seconds(60)
    while try Self.threads() > before + 200, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(try Self.threads() <= before + 200)
  }

  private static func useAndForget(_ path: String) async throws {
    let store = DirectoryStore(path: path)
    try await store.create(within: generous)
    _ = try await store.list("a")
  }

  private static func threads() throws -> Int { try directoryNames("/proc/self/task").count }
}
