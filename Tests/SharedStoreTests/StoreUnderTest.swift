import Glibc
import Synchronization
import Testing

@testable import SharedStore

/// A limit that no call reaches unless something is wrong, also on a busy machine.
let generous = Duration.seconds(60)

/// A folder of the test's own, removed with everything in it at the end.
final class ScratchFolder: Sendable {
  let path: String

  init() throws {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/lockferry-store-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    Self.remove(path)
  }

  static func remove(_ path: String, mayBeFilled: Bool = true) {
    guard let stream = opendir(path) else {
      unlink(path)
      return
    }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      let child = path + "/" + name
      if entry.pointee.d_type == UInt8(DT_DIR) { remove(child) } else { unlink(child) }
    }
    closedir(stream)
    // A call that was given up may have made its lock file meanwhile. Once: what can't be removed stays.
    if rmdir(path) != 0, errno == ENOTEMPTY, mayBeFilled { remove(path, mayBeFilled: false) }
  }
}

/// Every back end that the conformance suite runs against.
enum BackEnd: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case memory, directory

  var testDescription: String { rawValue }

  /// A new, empty store as two nodes see it.
  func open() async throws -> StoreUnderTest {
    switch self {
    case .memory:
      let store = MemoryStore()
      return StoreUnderTest(a: store, b: store, keepAlive: nil)
    case .directory:
      let folder = try ScratchFolder()
      let a = DirectoryStore(path: folder.path)
      try await a.create(within: generous)
      return StoreUnderTest(a: a, b: DirectoryStore(path: folder.path), keepAlive: folder)
    }
  }
}

/// One store through the eyes of two nodes.
struct StoreUnderTest: Sendable {
  let a: any SharedStore
  let b: any SharedStore
  let keepAlive: ScratchFolder?
}

extension SharedStore {
  func read(_ path: String) async throws -> [UInt8]? {
    try await read(StoreKey(at: path), within: generous)
  }

  @discardableResult
  func write(
    _ values: [String: [UInt8]?], where comparisons: [String: [UInt8]?] = [:],
    durability: StoreTransaction.Durability = .durable, within limit: Duration = generous
  ) async throws -> StoreOutcome {
    try await commit(
      StoreTransaction(
        comparisons: comparisons.sorted { $0.key < $1.key }.map {
          .init(try StoreKey(at: $0.key), equals: $0.value)
        },
        writes: values.sorted { $0.key < $1.key }.map { .init(try StoreKey(at: $0.key), $0.value) },
        durability: durability), within: limit)
  }

  func list(_ prefix: String) async throws -> [String: [UInt8]] {
    let values = try await list(below: StoreKey(at: prefix), within: generous)
    return Dictionary(uniqueKeysWithValues: values.map { ($0.key.path, $0.value) })
  }
}

extension StoreKey {
  init(at path: String) throws(StoreError) {
    try self.init(path.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
  }
}

/// The code of the StoreError that `body` throws.
func failure(_ body: () async throws -> Void) async -> StoreError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? StoreError
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A value that several tasks change.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) {
    self.value = Mutex(value)
  }

  func withLock<Answer: Sendable>(_ body: (inout Value) -> Answer) -> Answer {
    value.withLock { (value: inout Value) in body(&value) }
  }
}

/// What one task tells another once.
final class Flag: Sendable {
  private let value = Atomic(false)

  func raise() { value.store(true, ordering: .releasing) }
  var isUp: Bool { value.load(ordering: .acquiring) }
}
