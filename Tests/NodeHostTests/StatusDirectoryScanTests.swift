import Glibc
import StatusMonitor
import Testing

@testable import NodeHost

func client(_ name: String) throws -> ClientName { try ClientName(name) }

@Suite("Reading the status directory (M1, M3)")
struct StatusDirectoryScanTests {
  @Test("Records are read byte for byte, also those that aren't text")
  func bytes() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let record = Array(UInt8.min...UInt8.max) + [10]
    try writeFile(directory.records + "/10.0.0.11", record)
    try writeFile(directory.records + "/2001:db8::1", "one line\n".utf8)
    try writeFile(directory.retired + "/client2", "retired\n".utf8)
    let scan = try directory.scan()
    #expect(
      scan.records == [try client("10.0.0.11"): record, try client("2001:db8::1"): Array("one line\n".utf8)])
    #expect(scan.refused.isEmpty)
    #expect(scan.retired == [try client("client2")])
    #expect(try directory.read(try client("10.0.0.11")) == .record(record))
    #expect(try directory.read(try client("10.0.0.12")) == .absent)
    #expect(try directory.clients(in: .records) == Set(scan.records.keys))
    #expect(try directory.clients(in: .retired) == scan.retired)
  }

  @Test("What can't be a record is refused by name, never followed and never waited for")
  func hostile() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let sm = directory.records
    try writeFile(sm + "/good", "line\n".utf8)
    try writeFile(folder.path + "/secret", "secret\n".utf8)
    try mustSucceed(symlink(folder.path + "/secret", sm + "/link"), "symlink")
    try mustSucceed(symlink("/nowhere", sm + "/dangling"), "symlink")
    try mustSucceed(mkfifo(sm + "/fifo", 0o600), "mkfifo")
    try mustSucceed(mkdir(sm + "/folder", 0o700), "mkdir")
    try writeFile(sm + "/empty", [])
    try writeFile(sm + "/full", [UInt8](repeating: 65, count: MonitorRecord.maximumBytes))
    try writeFile(sm + "/over", [UInt8](repeating: 65, count: MonitorRecord.maximumBytes + 1))
    try writeFile(sm + "/.hidden", "line\n".utf8)
    try writeFile(sm + "/host.new", "line\n".utf8)
    try writeFile(sm + "/with space", "line\n".utf8)
    try writeFile(sm + "/bell\u{7}\u{1b}[31m", "line\n".utf8)
    try writeFile(sm + "/.good.lockferry", "ours, unfinished".utf8)
    let latin = (Array((sm + "/caf").utf8) + [0xe9, 0]).map { CChar(bitPattern: $0) }
    close(Glibc.open(latin, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))

    let scan = try directory.scan()
    #expect(Set(scan.records.keys.map(\.text)) == ["good", "full"])
    let names = Set(scan.refused.map(\.name))
    let expected: Set = [
      "link", "dangling", "fifo", "folder", "empty", "over", ".hidden", "host.new", "with space",
      "bell\\x07\\x1b[31m", "caf\\xe9",
    ]
    #expect(names == expected)
    let reasons = Dictionary(uniqueKeysWithValues: scan.refused.map { ($0.name, $0.reason) })
    #expect(reasons["link"]?.contains("symbolic link") == true)
    #expect(reasons["over"]?.contains("65537 bytes") == true)
    // A name that could be a client's is told as one: its record isn't gone, it can't be read.
    #expect(
      Set(scan.refused.compactMap(\.client?.text)) == ["link", "dangling", "fifo", "folder", "empty", "over"])
    for name in ["link", "dangling", "fifo", "folder", "empty", "over"] {
      guard case .refused = try directory.read(try client(name)) else {
        Issue.record("\(name) was read")
        continue
      }
    }
  }

  @Test("A missing sm/ is an error, a missing sm.bak/ is not")
  func missing() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try mustSucceed(rmdir(directory.retired), "rmdir")
    #expect(try directory.scan().retired.isEmpty)
    try mustSucceed(rmdir(directory.records), "rmdir")
    let error = #expect(throws: NodeHostError.self) { try directory.scan() }
    #expect(error?.code == .absent)
    #expect(error?.message.contains(directory.records) == true)
    #expect(throws: NodeHostError.self) { try directory.read(try client("a")) }
  }

  @Test func whatSmNotifyHasRetiredIsReadByName() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try writeFile(directory.retired + "/a", "line\n".utf8)
    try writeFile(directory.retired + "/c", "other\n".utf8)
    try mustSucceed(symlink("a", directory.retired + "/link"), "symlink")
    let records = try directory.retiredRecords(of: [try client("a"), try client("b"), try client("link")])
    #expect(records == [try client("a"): Array("line\n".utf8)])
    #expect(try directory.scan().retired == [try client("a"), try client("c"), try client("link")])
  }

  @Test("sm/ may be a symbolic link to where the operator keeps it")
  func linkedDirectory() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try mustSucceed(rename(directory.records, folder.path + "/shared"), "rename")
    try mustSucceed(symlink(folder.path + "/shared", directory.records), "symlink")
    try writeFile(directory.records + "/a", "line\n".utf8)
    #expect(try directory.scan().records.count == 1)

    // Also by a relative path, and only if statd's user didn't make the link.
    try mustSucceed(unlink(directory.records), "unlink")
    try mustSucceed(symlink("../shared", directory.records), "symlink")
    #expect(try directory.scan().records.count == 1)
    guard isRoot else { return }
    try mustSucceed(lchown(directory.records, 12_345, 12_345), "lchown")
    let planted = #expect(throws: NodeHostError.self) {
      try directory.install([65, 10], as: try client("b"))
    }
    #expect(planted?.code == .conflict)
    #expect(planted?.message.contains("user 12345") == true)
    #expect(throws: NodeHostError.self) { try directory.scan() }
    #expect(try fileNames(folder.path + "/shared") == ["a"])
  }

  @Test("A record that is replaced while it is read is seen whole, the old or the new one")
  func replacedWhileRead() async throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let versions = [UInt8(ascii: "a"), UInt8(ascii: "b")].map { [UInt8](repeating: $0, count: 60_000) }
    try writeFile(directory.records + "/host", versions[0])
    let done = Flag()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await OwnThread.run("writer") {
          defer { done.raise() }
          for number in 0..<2000 {
            // As nfs-utils 2.8.2 and later do.
            try writeFile(directory.records + "/.host.new", versions[number % 2])
            try mustSucceed(rename(directory.records + "/.host.new", directory.records + "/host"), "rename")
          }
        }
      }
      group.addTask {
        try await OwnThread.run("reader") {
          let name = try client("host")
          while !done.isRaised {
            switch try directory.read(name) {
            case .record(let bytes): #expect(versions.contains(bytes))
            case .absent: Issue.record("a record that is always there was not found")
            case .refused(let reason): #expect(reason.contains("changes while it is read"))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try directory.read(try client("host")) == .record(versions[1]))
  }

  @Test("A record that grows without end while it is read is refused or read to a length it had")
  func growsWhileRead() async throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let path = directory.records + "/host"
    try writeFile(path, "x".utf8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await OwnThread.run("writer") {
          let file = try Descriptor.open(path, O_WRONLY | O_APPEND)
          for _ in 0..<60_000 { _ = file.write([UInt8(ascii: "x")]) }
        }
      }
      group.addTask {
        try await OwnThread.run("reader") {
          let name = try client("host")
          var length = 0
          while length < 60_001 {
            if case .record(let bytes) = try directory.read(name) {
              #expect(bytes.count >= length)
              length = bytes.count
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("10,000 records: a second scan reads only what changed, even where the length is the same")
  func tenThousand() async throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    for number in 0..<10_000 {
      try writeFile("\(directory.records)/10.1.\(number / 250).\(number % 250)", "record \(number)\n".utf8)
    }
    let first = try directory.scan()
    #expect(first.records.count == 10_000)
    #expect(first.filesRead == 10_000)

    // Files that were written just now are read again until a change would show in their times.
    var scan = first
    try await eventually("the files have settled") {
      scan = try directory.scan(previous: scan)
      return scan.filesRead == 0
    }
    #expect(scan.records == first.records)
    // The directory itself hasn't changed, one of its files has.
    try writeFile(directory.records + "/10.1.0.4", "RECORD 4\n".utf8)
    scan = try directory.scan(previous: scan)
    #expect(scan.filesRead == 1)
    #expect(scan.records[try client("10.1.0.4")] == Array("RECORD 4\n".utf8))
    try await eventually("it has settled") {
      scan = try directory.scan(previous: scan)
      return scan.filesRead == 0
    }

    try writeFile(directory.records + "/10.1.0.1", "RECORD 1\n".utf8)
    try writeFile(directory.records + "/10.1.0.2", "longer than before\n".utf8)
    try writeFile(directory.records + "/new", "new\n".utf8)
    try mustSucceed(unlink(directory.records + "/10.1.0.3"), "unlink")
    let last = try directory.scan(previous: scan)
    #expect(last.filesRead == 3)
    #expect(last.records.count == 10_000)
    #expect(last.records[try client("10.1.0.1")] == Array("RECORD 1\n".utf8))
    #expect(last.records[try client("10.1.0.3")] == nil)

    // Another directory with the same names has nothing to do with the previous scan.
    try mustSucceed(rename(directory.records, directory.path + "/old"), "rename")
    try mustSucceed(mkdir(directory.records, 0o700), "mkdir")
    let replaced = try directory.scan(previous: last)
    #expect(replaced.records.isEmpty)
    #expect(replaced.identity != last.identity)
  }

  @Test(
    "Looking at a share of the files finds each change within eight scans, and at once what was made or removed"
  )
  func shares() async throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    for number in 0..<100 { try writeFile("\(directory.records)/c\(number)", "record\n".utf8) }
    var scan = try directory.scan()
    func settle() async throws {
      try await eventually("the files have settled") {
        scan = try directory.scan(previous: scan)
        return scan.filesRead == 0
      }
    }
    for number in [0, 37, 99] {
      try await settle()
      try writeFile("\(directory.records)/c\(number)", "RECORD\n".utf8)
      let name = try client("c\(number)")
      var scans = 0
      while scan.records[name] != Array("RECORD\n".utf8), scans < 8 {
        scan = try directory.scan(previous: scan, looksAtShare: true)
        scans += 1
      }
      #expect(scan.records[name] == Array("RECORD\n".utf8))
    }
    try await settle()
    for _ in 0..<8 {
      scan = try directory.scan(previous: scan, looksAtShare: true)
      #expect(scan.filesSeen <= 13 && scan.filesRead == 0)
      #expect(scan.records.count == 100)
    }
    // Somebody has heard of this one: it does not wait for its turn.
    try writeFile("\(directory.records)/c50", "RECORD\n".utf8)
    scan.forget([try client("c50")])
    scan = try directory.scan(previous: scan, looksAtShare: true)
    #expect(scan.records[try client("c50")] == Array("RECORD\n".utf8))
    try await settle()
    try writeFile(directory.records + "/new", "new\n".utf8)
    try mustSucceed(unlink(directory.records + "/c5"), "unlink")
    scan = try directory.scan(previous: scan, looksAtShare: true)
    #expect(scan.records[try client("new")] != nil)
    #expect(scan.records[try client("c5")] == nil)
  }
}
