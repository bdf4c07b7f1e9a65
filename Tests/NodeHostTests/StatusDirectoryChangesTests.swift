import Glibc
import StatusMonitor
import Synchronization
import Testing

@testable import NodeHost

/// B1: what our status monitor writes into `sm/`, and how.
@Suite struct StatusDirectoryChangesTests {
  private func line(_ peer: String, as myName: String = "server", cookie: UInt8 = 1) throws -> MonitorLine {
    try MonitorLine(
      address: 0x0100_007f, program: 100_021, version: 3, procedure: 16,
      cookie: [UInt8](repeating: cookie, count: 16), monName: Array(peer.utf8), myName: Array(myName.utf8))
  }

  private func adding(_ peer: String, as myName: String = "server", cookie: UInt8 = 1) throws -> RecordChange
  {
    RecordChange(client: try ClientName(peer), adding: [try line(peer, as: myName, cookie: cookie)])
  }

  private func isSuccess(_ results: [Result<Void, NodeHostError>]) -> Bool {
    results.allSatisfy { if case .success = $0 { true } else { false } }
  }

  @Test("B1 records come, change and go, with the modes and names of rpc.statd and nothing beside them")
  func life() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let peers = (1...300).map { "10.0.\($0 / 250).\($0 % 250)" }
    let results = directory.make(try peers.map { try adding($0) })
    #expect(results.count == peers.count)
    #expect(isSuccess(results))
    #expect(try fileNames(directory.records) == Set(peers))
    #expect(try status(directory.records + "/" + peers[0]).st_mode & 0o777 == 0o600)
    #expect(try readFile(directory.records + "/" + peers[0]) == line(peers[0]).text + [UInt8(ascii: "\n")])

    // One file, changed three times in one go.
    let identity = try line(peers[0]).identity
    #expect(
      isSuccess(
        directory.make([
          try adding(peers[0], cookie: 2), try adding(peers[0], as: "other"),
          RecordChange(client: try ClientName(peers[0]), removing: [identity]),
        ])))
    let record = MonitorRecord(parsing: try #require(try readFile(directory.records + "/" + peers[0])))
    #expect(record.monitorLines.map(\.myName) == ["other"])

    let removals = try peers.dropFirst().map {
      RecordChange(client: try ClientName($0), removing: [try line($0).identity])
    }
    #expect(isSuccess(directory.make(removals + removals)))
    #expect(try fileNames(directory.records) == [peers[0]])
  }

  @Test("what others wrote stays, unreadable lines among it; what a crash left empty is written anew")
  func foreignContent() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let foreign = try line("10.0.0.1", as: "adopted").text + Array("\nno record\n".utf8)
    try writeFile(directory.records + "/10.0.0.1", foreign)
    try writeFile(directory.records + "/10.0.0.2", [])
    try writeFile(directory.records + "/.10.0.0.1.lockferry-statd", Array("unfinished".utf8))
    #expect(isSuccess(directory.make([try adding("10.0.0.1"), try adding("10.0.0.2")])))
    #expect(
      try readFile(directory.records + "/10.0.0.1") == foreign + line("10.0.0.1").text + [UInt8(ascii: "\n")])
    #expect(try readFile(directory.records + "/10.0.0.2") == line("10.0.0.2").text + [UInt8(ascii: "\n")])
    #expect(try fileNames(directory.records) == ["10.0.0.1", "10.0.0.2"])
  }

  @Test("a check writes what is gone, and nothing else")
  func check() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let path = directory.records + "/10.0.0.1"
    var check = try adding("10.0.0.1")
    check.isCheck = true
    #expect(isSuccess(directory.make([check])))
    let first = try status(path)
    #expect(isSuccess(directory.make([check])))
    #expect(try status(path).st_ino == first.st_ino)
    #expect(isSuccess(directory.make([try adding("10.0.0.1")])))
    #expect(try status(path).st_ino != first.st_ino, "what may not be on the disk is written again")
  }

  @Test("a link or a folder in a record's place is an error for that client alone, and is left alone")
  func obstacles() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let outside = folder.path + "/outside"
    try writeFile(outside, Array("mine\n".utf8))
    try mustSucceed(symlink(outside, directory.records + "/10.0.0.1"), "symlink")
    try mustSucceed(mkdir(directory.records + "/10.0.0.2", 0o700), "mkdir")
    let results = directory.make([try adding("10.0.0.1"), try adding("10.0.0.2"), try adding("10.0.0.3")])
    #expect(!isSuccess([results[0]]))
    #expect(!isSuccess([results[1]]))
    #expect(isSuccess([results[2]]))
    #expect(try readFile(outside) == Array("mine\n".utf8))
    #expect(try fileNames(directory.records) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    #expect(!isSuccess(StatusDirectory(path: folder.path + "/none").make([try adding("10.0.0.1")])))
  }

  @Test("each writer removes what it left behind itself, and not what the other one is writing")
  func leftovers() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try writeFile(directory.records + "/.a.lockferry", [1])
    try writeFile(directory.records + "/.a.lockferry-statd", [1])
    try directory.removeStatusMonitorLeftovers()
    #expect(try fileNames(directory.records) == [".a.lockferry"])
    try writeFile(directory.records + "/.a.lockferry-statd", [1])
    #expect(try directory.scan().refused.isEmpty)
    try directory.removeLeftovers()
    #expect(try fileNames(directory.records) == [".a.lockferry-statd"])
  }

  @Test("B1 the writer reports every ticket once, failures by name, and the state number")
  func writer() async throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try writeFile(directory.stateFile, [7, 0, 0, 0])
    try mustSucceed(mkdir(directory.records + "/10.9.9.9", 0o700), "mkdir")
    let reports = Mutex<[StatusDirectoryWriter.Report]>([])
    let states = Mutex<[StateFileReading?]>([])
    let writer = try StatusDirectoryWriter(directory) { batch, state in
      reports.withLock { $0 += batch }
      states.withLock { $0.append(state) }
    }
    for ticket in 1...500 as ClosedRange<UInt64> {
      writer.submit([
        (ticket, [try adding(ticket == 250 ? "10.9.9.9" : "10.0.\(ticket / 250).\(ticket % 250)")])
      ])
    }
    try await eventually("every ticket is reported") { reports.withLock { $0.count } == 500 }
    #expect(reports.withLock { $0.map(\.ticket) } == Array(1...500))
    #expect(reports.withLock { $0.filter { $0.failure != nil }.map(\.ticket) } == [250])
    #expect(states.withLock { $0.last } == .number(try #require(StateNumber(7))))
    #expect(states.withLock { $0.count } < 500, "what arrives while the disk is busy goes to it together")
    writer.stop()
  }

  @Test("B1 M5 a record that was written since it was read is not replaced, and the others are")
  func overtaken() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let names = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]
    for (name, content) in [
      (names[0], "as read"), (names[1], "written since"), (names[2], ""), (names[4], ""),
    ] {
      try writeFile("\(directory.records)/\(name)", content.utf8)
    }
    let bases: [[UInt8]?] = [Array("as read".utf8), Array("read".utf8), [], nil, nil]
    let replacements = try zip(names, bases).map { name, basis in
      (try ClientName(name), StatusDirectory.Replacement(Array("new".utf8), for: basis))
    }
    let overtaken = try directory.replaceAll(Dictionary(uniqueKeysWithValues: replacements))
    #expect(overtaken.map(\.text).sorted() == [names[1], names[4]])
    for (name, content) in zip(names, ["new", "written since", "new", "new", ""]) {
      #expect(try readFile("\(directory.records)/\(name)") == Array(content.utf8), "\(name)")
    }
    #expect(try fileNames(directory.records) == Set(names))
  }

  @Test("whoever writes while another program of ours does waits, and no longer than its limit")
  func writersLock() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let writing = try directory.open(.records)
    let waiting = try directory.open(.records)
    try writing.lock(within: .zero)
    let error = #expect(throws: NodeHostError.self) { try waiting.lock(within: .milliseconds(20)) }
    #expect(error?.code == .held)
    #expect(error?.message.contains("is it stopped?") == true)
    writing.unlock()
    try waiting.lock(within: .zero)
    // Not the lock of a status monitor's whole life.
    _ = try directory.lock()
  }

  @Test("one status monitor of ours works on a directory at a time")
  func lock() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    do {
      let lock = try directory.lock()
      #expect(throws: NodeHostError.self) { try directory.lock() }
      withExtendedLifetime(lock) {}
    }
    _ = try directory.lock()
  }

  @Test(
    "the state number begins as rpc.statd's does",
    arguments: [([] as [UInt8], 3), ([5, 0, 0, 0], 5), ([4, 0, 0, 0], 5), ([1, 2], 3)] as [([UInt8], Int32)])
  func state(file: [UInt8], number: Int32) throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try writeFile(directory.stateFile, file)
    #expect(try directory.establishedState().value == number)
  }
}
