import Glibc
import StatusMonitor
import Testing

@testable import NodeHost

/// What a watch has told so far, put together over any number of takes.
private struct Told {
  var hints = StatusDirectoryHints()

  mutating func add(_ news: StatusDirectoryHints) {
    for client in news.written { hints.noteWritten(client) }
    for client in news.removed { hints.noteRemoved(client) }
    for client in news.retired { hints.noteRetired(client) }
    hints.rewritten.merge(news.rewritten) { $1 }
    if let readAt = news.readAt { hints.note(news.readings, begunAt: readAt) }
    hints.refused.formUnion(news.refused)
    hints.rescanReasons.formUnion(news.rescanReasons)
  }
}

/// A started watch, as a reader sees it.
private final class Watched {
  let directory: StatusDirectory
  let watch: StatusDirectoryWatch
  private let thread: ThreadExecutor
  private var changes: AsyncStream<Void>.Iterator
  private var told = Told()

  init(_ directory: StatusDirectory) async throws {
    self.directory = directory
    thread = try ThreadExecutor(name: "lf-test")
    watch = StatusDirectoryWatch(directory: directory, on: thread)
    changes = watch.changes.makeAsyncIterator()
    watch.start()
    try await until { $0.rescanReasons == [.started] }
    forget()
  }

  deinit {
    watch.stop()
    thread.stop()
  }

  func forget() { told = Told() }

  var hints: StatusDirectoryHints { told.hints }

  /// Follows the stream until `condition` holds of everything told since the last `forget()`.
  ///
  /// There is no bound here: the test's time limit is one.
  func until(_ condition: (StatusDirectoryHints) -> Bool) async throws {
    while !condition(told.hints) {
      try #require(await changes.next(isolation: nil) != nil, "the stream ended")
      told.add(watch.take())
    }
  }

  /// Everything that happened before this call has been told when it returns.
  func settle() async throws {
    let marker = try client("marker")
    try writeFile(directory.records + "/marker", "x".utf8)
    try await until { $0.written.contains(marker) }
  }
}

@Suite("Watching the status directory (M1)", .timeLimit(.minutes(30)))
struct StatusDirectoryWatchTests {
  private let folder: TemporaryFolder
  private let directory: StatusDirectory
  private var sm: String { directory.records }

  init() throws {
    self.folder = try TemporaryFolder()
    self.directory = try folder.statusDirectory()
  }

  @Test("A record counts when it is closed after writing, not when it is created")
  func written() async throws {
    let watched = try await Watched(directory)
    let name = try client("10.0.0.11")
    do {
      let file = try Descriptor.open(sm + "/10.0.0.11", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      try await watched.settle()
      #expect(watched.hints.written == [try client("marker")])
      #expect(file.write([65, 10]) == nil)
    }
    try await watched.until { $0.written.contains(name) }
    #expect(watched.hints.removed.isEmpty && watched.hints.retired.isEmpty && !watched.hints.rescan)
  }

  @Test(
    "A record that is renamed into place counts, statd's temporary names don't",
    arguments: [".a.new", "a.new"])
  func movedIn(temporary: String) async throws {
    let watched = try await Watched(directory)
    try writeFile(sm + "/" + temporary, "line\n".utf8)
    try mustSucceed(rename(sm + "/" + temporary, sm + "/a"), "rename")
    try directory.install(Array("line\n".utf8), as: try client("b"))
    try await watched.settle()
    #expect(Set(watched.hints.written.map(\.text)) == ["a", "b", "marker"])
    #expect(watched.hints.refused.isEmpty && watched.hints.retired.isEmpty && watched.hints.removed.isEmpty)
  }

  @Test("B6 What statd puts into its place is told so, whatever it says; what lockferry does is not")
  func rewritten() async throws {
    for name in ["again", "later", "installed", "gone"] { try writeFile(sm + "/" + name, "line\n".utf8) }
    let watched = try await Watched(directory)
    let before = BootClock.now
    // From nfs-utils 2.8.2 on.
    try writeFile(sm + "/.later.new", "line\n".utf8)
    try mustSucceed(rename(sm + "/.later.new", sm + "/later"), "rename")
    for name in ["again", "gone"] {
      try writeFile(sm + "/\(name).new", "line\n".utf8)
      try mustSucceed(rename(sm + "/\(name).new", sm + "/" + name), "rename")
    }
    try directory.install(Array("line\n".utf8), as: try client("installed"))
    try mustSucceed(unlink(sm + "/gone"), "unlink")
    try await watched.settle()
    #expect(Set(watched.hints.written.map(\.text)) == ["again", "later", "installed", "marker"])
    #expect(Set(watched.hints.rewritten.keys.map(\.text)) == ["again", "later"])
    #expect(watched.hints.rewritten[try client("again")].map { $0 >= before } == true)
  }

  @Test("An unlinked record is removed, one that is written again is a refresh, one moved out is retired")
  func departures() async throws {
    for name in ["gone", "refreshed", "retired", "returned"] { try writeFile(sm + "/" + name, "line\n".utf8) }
    let watched = try await Watched(directory)
    try mustSucceed(unlink(sm + "/gone"), "unlink")
    try mustSucceed(unlink(sm + "/refreshed"), "unlink")
    try writeFile(sm + "/refreshed", "line 2\n".utf8)
    for name in ["retired", "returned"] {
      try mustSucceed(rename(sm + "/" + name, directory.retired + "/" + name), "rename")
    }
    try mustSucceed(rename(directory.retired + "/returned", sm + "/returned"), "rename")
    try writeFile(sm + "/short-lived", "line\n".utf8)
    try mustSucceed(unlink(sm + "/short-lived"), "unlink")
    try await watched.settle()
    #expect(Set(watched.hints.removed.map(\.text)) == ["gone", "short-lived"])
    #expect(Set(watched.hints.retired.map(\.text)) == ["retired"])
    #expect(Set(watched.hints.written.map(\.text)) == ["refreshed", "returned", "marker"])
    #expect(!watched.hints.rescan)
  }

  @Test("A file under a name that no client can have is told in printable form; folders are nothing")
  func refused() async throws {
    let watched = try await Watched(directory)
    try writeFile(sm + "/with space\n", "line\n".utf8)
    try mustSucceed(mkdir(sm + "/folder", 0o700), "mkdir")
    try mustSucceed(rmdir(sm + "/folder"), "rmdir")
    try await watched.settle()
    #expect(watched.hints.refused.map(\.name) == ["with space\\x0a"])
    #expect(Set(watched.hints.written.map(\.text)) == ["marker"])
    #expect(watched.hints.removed.isEmpty)
  }

  @Test("10,000 records at once are all told, to a reader that comes late too")
  func tenThousand() async throws {
    let watched = try await Watched(directory)
    for number in 0..<10_000 { try writeFile("\(sm)/c\(number)", "record \(number)\n".utf8) }
    try await watched.settle()
    if watched.hints.rescan {
      #expect(watched.hints.rescanReasons == [.overflow])
      #expect(try directory.scan().records.count == 10_001)
    } else {
      #expect(watched.hints.written.count == 10_001)
    }
  }

  @Test("When the kernel's queue overflows a rescan is asked for, and the watch goes on")
  func overflow() async throws {
    let limit = try #require(
      try readFile("/proc/sys/fs/inotify/max_queued_events").flatMap {
        Int(String(decoding: $0, as: UTF8.self).split(separator: "\n").first ?? "")
      })
    let watched = try await Watched(directory)
    // The watch's thread is held in its first note while the real queue fills up.
    let held = Flag()
    let filled = Flag()
    let gathering = watched.watch.gathering
    try OwnThread.start("lf-test-hold") {
      gathering.note { _ in
        held.raise()
        while !filled.isRaised { usleep(1000) }
      }
    }
    try await eventually("the watch is held") { held.isRaised }
    let path = sm
    try await OwnThread.run("lf-test-fill") {
      // Two names in turn, because the kernel joins equal events that follow each other. The thread may have
      // taken one buffer of 64 KiB (2,048 events of 32 bytes) out of the queue.
      for number in 0..<(limit + 4096) { try writeFile("\(path)/c\(number % 2)", []) }
    }
    filled.raise()
    try await watched.until { $0.rescanReasons.contains(.overflow) }
    watched.forget()
    try await watched.settle()
  }

  @Test("Without an sm/ at the start it is found when it appears")
  func lateDirectory() async throws {
    removeTree(directory.path)
    let watched = try await Watched(directory)
    for path in [directory.path, sm] { try mustSucceed(mkdir(path, 0o755), path) }
    try await watched.until { $0.rescanReasons.contains(.appeared) }
    try await watched.settle()
  }

  @Test("A removed sm/ is told, and the next one is watched")
  func removedAndMadeAgain() async throws {
    let watched = try await Watched(directory)
    try mustSucceed(rmdir(sm), "rmdir")
    try await watched.until { $0.rescanReasons.contains(.vanished) }
    try mustSucceed(mkdir(sm, 0o755), "mkdir")
    try await watched.until { $0.rescanReasons.contains(.appeared) }
    try await watched.settle()
  }

  @Test("An sm/ that is replaced at once is noticed, and the new one is watched")
  func replaced() async throws {
    // Through a symbolic link, which rename(2) swaps without a moment without an sm/.
    for name in ["/one", "/two"] { try mustSucceed(mkdir(folder.path + name, 0o755), name) }
    try mustSucceed(rmdir(sm), "rmdir")
    try mustSucceed(symlink(folder.path + "/one", sm), "symlink")
    let watched = try await Watched(directory)
    try await watched.settle()
    watched.forget()
    try mustSucceed(symlink(folder.path + "/two", directory.path + "/next"), "symlink")
    try mustSucceed(rename(directory.path + "/next", sm), "rename")
    try await watched.until { $0.rescanReasons.contains(.appeared) }
    #expect(watched.hints.rescanReasons == [.replaced, .appeared])
    watched.forget()
    // What happens in the old one is nobody's business any more.
    try writeFile(folder.path + "/one/stranger", "line\n".utf8)
    try await watched.settle()
    #expect(Set(watched.hints.written.map(\.text)) == ["marker"])
  }

  @Test("An sm/ that is renamed away and back is watched again, also where a folder above it moves")
  func renamedAway() async throws {
    let watched = try await Watched(directory)
    try mustSucceed(rename(sm, directory.path + "/away"), "rename")
    try await watched.until { $0.rescanReasons.contains(.vanished) }
    try writeFile(directory.path + "/away/meanwhile", "line\n".utf8)
    try mustSucceed(rename(directory.path + "/away", sm), "rename")
    try await watched.until { $0.rescanReasons.contains(.appeared) }
    try await watched.settle()
    #expect(!watched.hints.written.contains(try client("meanwhile")))

    watched.forget()
    let other = folder.path + "/other"
    try mustSucceed(rename(directory.path, other), "rename")
    try await watched.until { $0.rescanReasons.contains(.vanished) }
    try mustSucceed(rename(other, directory.path), "rename")
    try await watched.until { $0.rescanReasons.contains(.appeared) }
    try await watched.settle()
  }

  @Test("A file system mounted over sm/, and unmounted again, is followed", .enabled(if: isRoot))
  func mountedOver() async throws {
    // Needs root for mounts of its own; everything happens on one thread, because only that has them.
    let directory = directory
    let sm = sm
    try await withOwnMounts {
      let thread = try ThreadExecutor(name: "lf-test")
      defer { thread.stop() }
      let watch = StatusDirectoryWatch(directory: directory, on: thread)
      watch.start()
      var told = Told()
      func until(_ what: String, _ condition: (StatusDirectoryHints) -> Bool) throws {
        try eventuallyHere(what) {
          told.add(watch.take())
          return condition(told.hints)
        }
        told = Told()
      }
      func settle() throws {
        let marker = try client("marker")
        try writeFile(sm + "/marker", "x".utf8)
        try until("a file is told") { $0.written.contains(marker) }
      }
      try until("started") { $0.rescanReasons == [.started] }
      try mustSucceed(mount("none", sm, "tmpfs", 0, "size=1m"), "mount")
      try until("mounted") { $0.rescanReasons == [.replaced, .appeared] }
      try settle()
      // The watch must not keep it busy.
      try mustSucceed(umount2(sm, 0), "umount")
      try until("unmounted") { $0.rescanReasons == [.unmounted, .appeared] }
      try settle()
    }
  }

  @Test("Stopping ends the stream for whoever follows it")
  func stop() async throws {
    let watched = try await Watched(directory)
    watched.watch.stop()
    var count = 0
    for await _ in watched.watch.changes { count += 1 }
    #expect(count <= 1)
  }

  @Test("A watch that nobody holds any more closes its descriptors")
  func letGo() async throws {
    let before = try inotifyCount()
    for _ in 0..<20 { _ = try await Watched(directory) }
    // Other tests watch at the same time; twenty forgotten ones would show.
    try await eventually("the descriptors are closed") { try inotifyCount() < before + 20 }
  }

  @Test("A record that is written by itself is read by the watch")
  func readsWhatIsWrittenAlone() async throws {
    let watched = try await Watched(directory)
    let name = try client("a")
    let before = BootClock.now
    try writeFile(directory.records + "/a", "record\n".utf8)
    try await watched.until { $0.written.contains(name) }
    #expect(watched.hints.readings == [name: .record(Array("record\n".utf8))])
    #expect(try #require(watched.hints.readAt) >= before)
    // What happens to it later makes the reading void.
    try mustSucceed(unlink(directory.records + "/a"), "unlink")
    try await watched.until { $0.removed.contains(name) }
    #expect(watched.hints.readings.isEmpty)
  }

  @Test("A name is in one set only: the last event counts")
  func lastEventCounts() throws {
    let name = try client("a")
    var hints = StatusDirectoryHints()
    #expect(hints.isEmpty)
    hints.noteRemoved(name)
    hints.noteWritten(name)
    #expect(hints.written == [name] && hints.removed.isEmpty)
    hints.noteRetired(name)
    #expect(hints.retired == [name] && hints.written.isEmpty)
    hints.noteRemoved(name)
    #expect(hints.removed == [name] && hints.retired.isEmpty)
  }

  @Test("Events are cut at the end of the buffer, never beyond it")
  func truncatedEvents() {
    // wd 1, IN_CLOSE_WRITE, cookie 0, 16 bytes of name.
    let event: [UInt8] =
      [1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0] + Array("client".utf8)
      + [UInt8](repeating: 0, count: 10)
    let events = InotifyEvent.parse((event + event)[...])
    #expect(events.map(\.name) == [Array("client".utf8), Array("client".utf8)])
    #expect(events.allSatisfy { $0.watch == 1 && $0.mask == .closeWrite })
    for length in 0..<event.count { #expect(InotifyEvent.parse(event[..<length]).isEmpty) }
  }
}

private func inotifyCount() throws -> Int {
  var count = 0
  for name in try OpenDirectory("/proc/self/fd").names() {
    var target = [CChar](repeating: 0, count: 64)
    let path = "/proc/self/fd/" + String(decoding: name, as: UTF8.self)
    let length = readlink(path, &target, target.count)
    let text = String(decoding: target.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if text.contains("inotify") { count += 1 }
  }
  return count
}
