import CLinux
import Glibc
import Synchronization
import Testing

@testable import NodeHost

/// Whether this process may mount and make namespaces; without root those tests can't run.
let isRoot = geteuid() == 0

/// A folder of the test's own, gone with the value.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/lf-t-\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw NodeHostError(errno, "mkdtemp") }
    self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    removeTree(path)
  }

  /// A status directory within, with `sm/` and `sm.bak/`.
  func statusDirectory() throws -> StatusDirectory {
    let directory = StatusDirectory(path: path + "/nfs")
    for folder in [directory.path, directory.records, directory.retired] {
      guard mkdir(folder, 0o755) == 0 else { throw NodeHostError(errno, folder) }
    }
    return directory
  }
}

/// Removes a folder and all that is in it, without following links.
func removeTree(_ path: String) {
  if let directory = try? OpenDirectory(path), let names = try? directory.names() {
    for name in names {
      let child = path + "/" + String(decoding: name, as: UTF8.self)
      var status = Glibc.stat()
      if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        removeTree(child)
      } else {
        unlink((Array((path + "/").utf8) + name + [0]).map { CChar(bitPattern: $0) })
      }
    }
  }
  rmdir(path)
}

/// Writes a file in place, as statd does: create, write, close.
func writeFile(_ path: String, _ bytes: some Sequence<UInt8>, mode: mode_t = 0o600) throws {
  let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
  if let failure = file.write(Array(bytes)) { throw NodeHostError(failure, path) }
}

func readFile(_ path: String) throws -> [UInt8]? {
  try contentsOfFile(path, limit: 1 << 20)
}

func mustSucceed(_ result: Int32, _ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
  let failure = errno
  try #require(result == 0, "\(what): \(systemErrorText(failure))", sourceLocation: sourceLocation)
}

func fileNames(_ path: String) throws -> Set<String> {
  Set(try OpenDirectory(path).names().map { String(decoding: $0, as: UTF8.self) })
}

func status(_ path: String) throws -> stat {
  var status = Glibc.stat()
  try mustSucceed(lstat(path, &status), path)
  return status
}

/// Waits, at most five minutes, until `condition` holds.
func eventually(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
  let end = BootClock.now + .seconds(300)
  while try await !condition() {
    try #require(BootClock.now < end, "\(what): not within five minutes", sourceLocation: sourceLocation)
    try await Task.sleep(for: .milliseconds(5))
  }
}

/// The same on a thread that must not be left.
func eventuallyHere(_ what: String, _ condition: () throws -> Bool) throws {
  let end = BootClock.now + .seconds(300)
  while try !condition() {
    guard BootClock.now < end else { throw NodeHostError(.failed, "\(what): not within five minutes") }
    usleep(5000)
  }
}

/// Runs `body` on a thread with mounts of its own.
func withOwnMounts<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await OwnThread.run("lf-test-mounts") {
    let failure = lfh_unshare_mounts()
    guard failure == 0 else { throw NodeHostError(-failure, "unshare") }
    return try body()
  }
}

/// Whether a process is there and not a zombie.
func isRunning(_ pid: Int32) -> Bool {
  guard let bytes = try? contentsOfFile("/proc/\(pid)/stat") else { return false }
  let text = String(decoding: bytes, as: UTF8.self)
  guard let end = text.lastIndex(of: ")") else { return false }
  return text[end...].dropFirst(2).first != "Z"
}

/// Something that has happened, told between threads.
final class Flag: Sendable {
  private let state = Mutex(false)

  var isRaised: Bool { state.withLock { $0 } }

  func raise() { state.withLock { $0 = true } }
}
