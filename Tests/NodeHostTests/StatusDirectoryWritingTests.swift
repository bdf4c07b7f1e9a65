import CLinux
import Glibc
import StatusMonitor
import Testing

@testable import NodeHost

@Suite("Writing the status directory (M5, M6)")
struct StatusDirectoryWritingTests {
  @Test(
    "A record is installed with mode 0600 and the owner of sm/, and nothing else appears",
    .enabled(if: isRoot))
  func install() throws {
    // Giving files away needs root.
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try mustSucceed(chown(directory.records, 12_345, 23_456), "chown")
    let old = umask(0)
    defer { umask(old) }
    try directory.install(Array("line\n".utf8), as: try client("10.0.0.11"))
    let found = try status(directory.records + "/10.0.0.11")
    #expect(found.st_uid == 12_345 && found.st_gid == 23_456)
    #expect(found.st_mode & 0o7777 == 0o600)
    #expect(try fileNames(directory.records) == ["10.0.0.11"])
    try directory.install(Array("other\n".utf8), as: try client("10.0.0.11"))
    #expect(try readFile(directory.records + "/10.0.0.11") == Array("other\n".utf8))
  }

  @Test("The SELinux context of sm/ is given to what is written there", .enabled(if: isRoot))
  func securityContext() throws {
    // Without SELinux the kernel still keeps the attribute for root, which is all that this needs.
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let context = Array("system_u:object_r:var_lib_nfs_t:s0\0".utf8)
    for path in [directory.records, directory.path] {
      try mustSucceed(setxattr(path, "security.selinux", context, context.count, 0), "setxattr")
    }
    func contextOf(_ path: String) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = getxattr(path, "security.selinux", &bytes, bytes.count)
      return Array(bytes.prefix(max(0, count)))
    }
    try directory.install(Array("line\n".utf8), as: try client("a"))
    #expect(contextOf(directory.records + "/a") == context)
    try directory.raiseState(to: try #require(StateNumber(7)))
    #expect(contextOf(directory.stateFile) == context)
    let own = try StatusDirectory.makePrivate(at: folder.path + "/private", like: directory)
    for path in [own.path, own.records, own.retired] { #expect(contextOf(path) == context) }
  }

  @Test("Names of any length can be installed", arguments: [1, 243, 244, 245, 255])
  func longNames(length: Int) throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let name = String(repeating: "n", count: length)
    try directory.install(Array("line\n".utf8), as: try client(name))
    #expect(try fileNames(directory.records) == [name])
  }

  @Test("Thousands of records are installed at once")
  func installAll() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    var records: [ClientName: [UInt8]] = [:]
    for number in 0..<3000 { records[try client("client\(number)")] = Array("record \(number)\n".utf8) }
    try directory.installAll(records)
    #expect(try directory.scan().records == records)
    #expect(try fileNames(directory.records).count == 3000)
    try directory.installAll([:])
  }

  @Test("A record that can't be one, and a missing sm/, change nothing")
  func refused() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    for bytes in [[], [UInt8](repeating: 65, count: MonitorRecord.maximumBytes + 1)] {
      let error = #expect(throws: NodeHostError.self) {
        try directory.installAll([try client("a"): [65, 10], try client("b"): bytes])
      }
      #expect(error?.code == .invalid)
    }
    #expect(try fileNames(directory.records).isEmpty)
    try mustSucceed(rmdir(directory.records), "rmdir")
    let absent = #expect(throws: NodeHostError.self) { try directory.install([65, 10], as: try client("a")) }
    #expect(absent?.code == .absent)
  }

  @Test("A directory in the way of a record fails the installation and leaves no temporary file")
  func inTheWay() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try mustSucceed(mkdir(directory.records + "/a", 0o700), "mkdir")
    let error = #expect(throws: NodeHostError.self) {
      try directory.installAll([try client("a"): [65, 10], try client("b"): [66, 10]])
    }
    #expect(error?.message.contains("a") == true)
    #expect(try fileNames(directory.records).isSubset(of: ["a", "b"]))
  }

  @Test("A full disk changes nothing and leaves no temporary file", .enabled(if: isRoot))
  func fullDisk() async throws {
    // Needs root for a mount of its own.
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try await withOwnMounts {
      try mustSucceed(mount("none", directory.records, "tmpfs", 0, "size=256k"), "mount")
      defer { umount2(directory.records, Int32(MNT_DETACH)) }
      try directory.install(Array("old\n".utf8), as: try client("a"))
      var records: [ClientName: [UInt8]] = [try client("a"): Array("new\n".utf8)]
      for number in 0..<20 { records[try client("c\(number)")] = [UInt8](repeating: 65, count: 60_000) }
      let full = #expect(throws: NodeHostError.self) { try directory.installAll(records) }
      #expect(full?.code == .full)
      #expect(try directory.scan().records == [try client("a"): Array("old\n".utf8)])
      #expect(try fileNames(directory.records) == ["a"])
    }
  }

  @Test("Leftovers of ours are removed, nobody else's")
  func leftovers() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    for name in ["sm/.a.lockferry", ".state.lockferry", "sm/b", "sm/.c.new", "sm/d.lockferry"] {
      try writeFile(directory.path + "/" + name, "x".utf8)
    }
    #expect(
      Set(try directory.removeLeftovers()) == [
        directory.records + "/.a.lockferry", directory.path + "/.state.lockferry",
      ])
    #expect(try fileNames(directory.records) == ["b", ".c.new", "d.lockferry"])
    #expect(try StatusDirectory(path: folder.path + "/none").removeLeftovers().isEmpty)
  }

  @Test("A private directory has the owner of the live sm/, also the second time", .enabled(if: isRoot))
  func makePrivate() throws {
    let folder = try TemporaryFolder()
    let live = try folder.statusDirectory()
    try mustSucceed(chmod(folder.path, 0o711), "chmod")
    try mustSucceed(chown(live.records, 12_345, 23_456), "chown")
    for _ in 1...2 {
      let own = try StatusDirectory.makePrivate(at: folder.path + "/private", like: live)
      for path in [own.path, own.records, own.retired] {
        let found = try status(path)
        #expect(found.st_uid == 12_345 && found.st_gid == 23_456 && found.st_mode & 0o7777 == 0o700)
      }
      try own.install([65, 10], as: try client("a"))
      #expect(try status(own.records + "/a").st_uid == 12_345)
    }
    try mustSucceed(chmod(folder.path, 0o700), "chmod")
    let closed = #expect(throws: NodeHostError.self) {
      try StatusDirectory.makePrivate(at: folder.path + "/private", like: live)
    }
    #expect(closed?.code == .conflict)
    #expect(closed?.message.contains("chmod o+x \(folder.path)") == true)
  }

  @Test("A link in the place of a private folder isn't followed")
  func privateLink() throws {
    let folder = try TemporaryFolder()
    let live = try folder.statusDirectory()
    try mustSucceed(symlink("/etc", folder.path + "/private"), "symlink")
    #expect(throws: NodeHostError.self) {
      try StatusDirectory.makePrivate(at: folder.path + "/private", like: live)
    }
  }

  @Test("Problems are told with what to do; a directory as Debian 12 makes it has none", .enabled(if: isRoot))
  func problems() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    for path in [directory.records, directory.retired] {
      try mustSucceed(chown(path, 12_345, 65_534), "chown")
    }
    try directory.raiseState(to: try #require(StateNumber(3)))
    #expect(directory.problems() == [])

    func only(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
      let problems = directory.problems()
      #expect(
        problems.count == 1 && problems.first?.contains(words) == true, "\(problems)",
        sourceLocation: sourceLocation)
    }
    try writeFile(directory.stateFile, [])
    only("empty")
    try writeFile(directory.stateFile, try #require(StateNumber(4)).fileBytes)
    only("even")
    try mustSucceed(unlink(directory.stateFile), "unlink")
    only("isn't there")
    try directory.raiseState(to: try #require(StateNumber(3)))
    try mustSucceed(chown(directory.retired, 54_321, 65_534), "chown")
    only("chown 12345")
    for path in [directory.records, directory.retired] { try mustSucceed(chown(path, 0, 0), "chown") }
    only("belongs to root")
    for path in [directory.records, directory.retired] {
      try mustSucceed(chown(path, 12_345, 65_534), "chown")
    }
    try mustSucceed(chmod(directory.records, 0o777), "chmod")
    only("chmod go-w")
    try mustSucceed(rmdir(directory.records), "rmdir")
    only("install nfs-common")
  }
}

@Suite("State file (M6)")
struct StateFileTests {
  @Test(
    "A file without a number is told from a missing one, and why",
    arguments: [[], [3], [3, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff]] as [[UInt8]])
  func unreadable(bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    #expect(try directory.stateNumber() == .absent)
    try writeFile(directory.stateFile, bytes)
    guard case .unreadable(let reason) = try directory.stateNumber() else {
      Issue.record("\(bytes) is no number")
      return
    }
    #expect(!reason.isEmpty)
    // Never below what statd would read from the first four bytes.
    try directory.raiseState(to: try #require(StateNumber(1)))
    if bytes.count <= 4 {
      #expect(try directory.stateNumber() == .number(try #require(StateNumber(1))))
    } else {
      #expect(try readFile(directory.stateFile) == bytes)
    }
    try directory.raiseState(to: try #require(StateNumber(5)))
    #expect(try directory.stateNumber() == .number(try #require(StateNumber(5))))
  }

  @Test("The number goes up, never down, and the file keeps owner and mode", .enabled(if: isRoot))
  func raise() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try mustSucceed(chown(directory.records, 12_345, 23_456), "chown")
    let eleven = try #require(StateNumber(11))
    try directory.raiseState(to: eleven)
    #expect(try status(directory.stateFile).st_uid == 12_345)
    try mustSucceed(chown(directory.stateFile, 7, 8), "chown")
    try mustSucceed(chmod(directory.stateFile, 0o640), "chmod")
    let inode = try status(directory.stateFile).st_ino
    for lower in [1, 10, 11] as [Int32] { try directory.raiseState(to: try #require(StateNumber(lower))) }
    #expect(try status(directory.stateFile).st_ino == inode)
    #expect(try directory.stateNumber() == .number(eleven))
    let highest = try #require(StateNumber(Int32.max))
    try directory.raiseState(to: highest)
    #expect(try directory.stateNumber() == .number(highest))
    let found = try status(directory.stateFile)
    #expect(found.st_uid == 7 && found.st_gid == 8 && found.st_mode & 0o7777 == 0o640)
    #expect(try fileNames(directory.path) == ["sm", "sm.bak", "state"])
  }

  @Test("An even number is read as it is")
  func even() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    let four = try #require(StateNumber(4))
    try writeFile(directory.stateFile, four.fileBytes)
    #expect(try directory.stateNumber() == .number(four))
  }

  @Test("A symbolic link or a fifo in its place is neither read nor written")
  func notAFile() throws {
    let folder = try TemporaryFolder()
    let directory = try folder.statusDirectory()
    try writeFile(folder.path + "/victim", [9, 0, 0, 0])
    try mustSucceed(symlink(folder.path + "/victim", directory.stateFile), "symlink")
    let seven = try #require(StateNumber(7))
    guard case .unreadable = try directory.stateNumber() else {
      Issue.record("the link was followed")
      return
    }
    #expect(throws: NodeHostError.self) { try directory.raiseState(to: seven) }
    try mustSucceed(unlink(directory.stateFile), "unlink")
    try mustSucceed(mkfifo(directory.stateFile, 0o600), "mkfifo")
    #expect(throws: NodeHostError.self) { try directory.raiseState(to: seven) }
    #expect(try readFile(folder.path + "/victim") == [9, 0, 0, 0])
  }
}
