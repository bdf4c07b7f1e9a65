import Glibc
import Testing

@testable import NodeHost

@Suite("Durable files")
struct DurableFileTests {
  @Test("A file is replaced whole, with the mode asked for whatever the umask, and nothing else is left")
  func replaces() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/journal"
    try DurableFile.write(Array("one".utf8), to: path, mode: 0o666)
    #expect(try status(path).st_mode & 0o777 == 0o666)
    try DurableFile.write(Array("two".utf8), to: path)
    #expect(try readFile(path) == Array("two".utf8))
    #expect(try status(path).st_mode & 0o777 == 0o600)
    #expect(try fileNames(folder.path) == ["journal"])
  }

  @Test("What a killed writer left is no obstacle, and a symbolic link in its place isn't followed")
  func leftover() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.path + "/victim", "untouched".utf8)
    try mustSucceed(symlink(folder.path + "/victim", folder.path + "/.journal.lockferry"), "symlink")
    try DurableFile.write(Array("new".utf8), to: folder.path + "/journal")
    #expect(try readFile(folder.path + "/victim") == Array("untouched".utf8))
    #expect(try fileNames(folder.path) == ["journal", "victim"])
  }

  @Test("A folder that isn't there, a directory in the way and a path without a name are errors that say so")
  func failures() throws {
    let folder = try TemporaryFolder()
    let absent = #expect(throws: NodeHostError.self) {
      try DurableFile.write([1], to: folder.path + "/none/file")
    }
    #expect(absent?.code == .absent)
    try mustSucceed(mkdir(folder.path + "/taken", 0o700), "mkdir")
    try mustSucceed(mkdir(folder.path + "/taken/full", 0o700), "mkdir")
    let taken = #expect(throws: NodeHostError.self) {
      try DurableFile.write([1], to: folder.path + "/taken")
    }
    #expect(taken?.message.contains("renamed to taken") == true)
    #expect(try fileNames(folder.path) == ["taken"])
    for path in ["", "/", "folder/", "a/.."] {
      #expect(throws: NodeHostError.self) { try DurableFile.write([1], to: path) }
    }
  }

  // Needs root for a mount of its own.
  @Test("A full disk leaves the old content and no temporary file", .enabled(if: isRoot))
  func fullDisk() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    try await withOwnMounts {
      try mustSucceed(mount("none", path, "tmpfs", 0, "size=64k"), "mount")
      defer { umount2(path, Int32(MNT_DETACH)) }
      try DurableFile.write(Array("old".utf8), to: path + "/file")
      let full = #expect(throws: NodeHostError.self) {
        try DurableFile.write([UInt8](repeating: 7, count: 200_000), to: path + "/file")
      }
      #expect(full?.code == .full)
      #expect(try readFile(path + "/file") == Array("old".utf8))
      #expect(try fileNames(path) == ["file"])
    }
  }

  @Test("Temporary names are hidden, fit NAME_MAX and differ where the names do")
  func temporaryNames() {
    #expect(TemporaryName.of("client") == ".client.lockferry")
    let long = String(repeating: "n", count: 254)
    let names = [TemporaryName.of(long + "a"), TemporaryName.of(long + "b")]
    #expect(names[0] != names[1])
    for name in names {
      #expect(name.utf8.count <= 255)
      #expect(TemporaryName.matches(Array(name.utf8)))
    }
    #expect(!TemporaryName.matches(Array("client.lockferry".utf8)))
    #expect(!TemporaryName.matches(Array(".lockferry".utf8)))
  }
}
