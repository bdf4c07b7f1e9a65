import CLinux
import Glibc
import Testing

@testable import SharedStore

/// A thread with mounts of its own, so that a test can mount, hang and unmount real file systems that nothing
/// else on the machine sees and that are gone with the test, however it ends.
///
/// A store that is made in the room has its threads there, since a thread inherits the mounts of its maker.
final class MountRoom: Sendable {
  private let thread = StoreThread()

  /// Whether this process may mount; tests that need it say so where it may not.
  static let isPossible = geteuid() == 0

  init() async throws {
    let failure = try await run { lff_private_mounts() }
    try #require(failure == 0)
  }

  func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    let answer: Result<Value, any Error> = await withCheckedContinuation { caller in
      #expect(thread.run { caller.resume(returning: Result { try body() }) })
    }
    return try answer.get()
  }

  /// A store whose threads live in the room.
  func store(at path: String) async throws -> DirectoryStore {
    try await run { DirectoryStore(path: path) }
  }

  func mount(_ source: String, _ kind: String, at path: String, options: String) async throws {
    let failure = try await run { Glibc.mount(source, path, kind, 0, options) == 0 ? 0 : errno }
    try #require(failure == 0, "mount of \(kind): \(String(cString: strerror(failure)))")
  }

  /// Unmounts as soon as nobody has a file open there, which a call that just gave up may still have.
  func unmount(_ path: String) async throws {
    let deadline = ContinuousClock.now + generous
    while true {
      let failure = try await run { umount2(path, 0) == 0 ? 0 : errno }
      if failure == 0 { return }
      try #require(
        failure == EBUSY && ContinuousClock.now < deadline, "unmount: \(String(cString: strerror(failure)))")
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
