import Glibc
import Testing

@testable import NodeHost

/// Where the exit tests below find their parent's lock file: they get no arguments.
private func lockPath(_ name: String, of pid: Int32) -> String { "/tmp/lf-t-\(pid)-\(name).lock" }

@Suite("Node lock")
struct NodeLockTests {
  @Test("A second daemon for the same node is refused and told the first one's process id")
  func secondInSameProcess() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.lock"
    let first = try NodeLock.take(at: path)
    let refusal = #expect(throws: NodeHostError.self) { try NodeLock.take(at: path) }
    #expect(refusal?.code == .held)
    #expect(refusal?.message.contains("process \(getpid())") == true)
    withExtendedLifetime(first) {}
  }

  @Test("A second daemon in another process is refused and told this one's process id")
  func secondInOtherProcess() async throws {
    let path = lockPath("parent", of: getpid())
    let lock = try NodeLock.take(at: path)
    defer { unlink(path) }
    await #expect(processExitsWith: .exitCode(42)) {
      do throws(NodeHostError) {
        _ = try NodeLock.take(at: lockPath("parent", of: getppid()))
      } catch {
        let namesParent = error.message.contains("process \(getppid())")
        exit(error.code == .held && namesParent ? 42 : 1)
      }
      exit(2)
    }
    withExtendedLifetime(lock) {}
  }

  @Test("The kernel releases the lock of a killed daemon")
  func killed() async throws {
    let path = lockPath("child", of: getpid())
    defer { unlink(path) }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      let lock = try NodeLock.take(at: lockPath("child", of: getppid()))
      kill(getpid(), SIGKILL)
      withExtendedLifetime(lock) {}
    }
    #expect(try readFile(path)?.isEmpty == false)
    _ = try NodeLock.take(at: path)
  }

  @Test("Letting go of the lock frees it, and its identity is the same every time")
  func released() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.lock"
    let first = try NodeLock.take(at: path).identity
    let second = try NodeLock.take(at: path).identity
    #expect(first == second)
    #expect(first.hasPrefix(try BootIdentity.read()))
    let other = try NodeLock.take(at: folder.path + "/b.lock").identity
    #expect(other != first)
  }

  @Test("A symbolic link, a folder and a missing folder are refused")
  func badPaths() throws {
    let folder = try TemporaryFolder()
    try mustSucceed(symlink("/tmp/nowhere", folder.path + "/link"), "symlink")
    for path in ["/link", "", "/none/a.lock"] {
      #expect(throws: NodeHostError.self) { try NodeLock.take(at: folder.path + path) }
    }
  }
}
