import Glibc
import SharedStore

/// Measures the directory store against what the same disk does without it, alternating within one run.
///
/// Usage: `store-benchmark [FOLDER]`, where FOLDER lies on the disk to measure; the default is the current
/// folder. Exits 1 where an aim is missed.
@main
struct StoreBenchmark {
  private static let limit = Duration.seconds(120)
  private static let owner: [UInt8] = Array("node a epoch 1 serving".utf8)

  static func main() async throws {
    let base = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "."
    var template = Array("\(base)/store-benchmark-XXXXXX".utf8CString)
    guard let folder = mkdtemp(&template).map({ String(cString: $0) }) else {
      print("can't make a folder in \(base): \(String(cString: strerror(errno)))")
      exit(2)
    }
    defer { _ = system("rm -rf '\(folder)'") }
    let single = try await singleRecords(in: folder)
    let cold = try await coldStart(in: folder)
    guard single && cold else {
      _ = system("rm -rf '\(folder)'")
      exit(1)
    }
  }

  /// One record, durable: comparison of the owner and write, against write + fsync + rename + fsync(folder).
  private static func singleRecords(in folder: String) async throws -> Bool {
    let store = try await newStore(at: folder + "/single")
    let bare = folder + "/bare"
    try check(mkdir(bare, 0o700), bare)
    var (stored, written): ([Duration], [Duration]) = ([], [])
    for number in 0..<400 {
      let (name, record) = record(number)
      // Whoever comes second finds the disk busy with what the first left to do; so they take turns.
      for turn in 0..<2 {
        if (turn == 0) == number.isMultiple(of: 2) {
          stored.append(
            try await time {
              try await commit([.init(try StoreKey(["services", "home", "sm", name]), record)], to: store)
            })
        } else {
          written.append(try await time { try writeBare(record, name: name, in: bare) })
        }
      }
    }
    return report(
      "single record, durable, median of \(stored.count)", store: median(stored), "write+fsync+rename+fsync",
      other: median(written), aim: 1.5)
  }

  /// 10,000 records in guarded batches against `cp -a` of the same files and `sync`.
  private static func coldStart(in folder: String) async throws -> Bool {
    let count = 10_000
    let source = folder + "/source"
    try check(mkdir(source, 0o700), source)
    for number in 0..<count {
      let (name, record) = record(number)
      try writeFile(record, source + "/" + name, durably: false)
    }
    sync()
    var isWithinAim = true
    for batch in [256, 512] {
      var (stored, copied): ([Duration], [Duration]) = ([], [])
      for round in 0..<3 {
        let store = try await newStore(at: "\(folder)/cold-\(batch)-\(round)")
        sync()
        stored.append(
          try await time {
            for start in stride(from: 0, to: count, by: batch) {
              let writes = try (start..<min(start + batch, count)).map { number in
                let (name, record) = record(number)
                return StoreTransaction.Write(try StoreKey(["services", "home", "sm", name]), record)
              }
              try await commit(writes, to: store)
            }
          })
        sync()
        let target = "\(folder)/copy-\(batch)-\(round)"
        copied.append(try await time { try check(system("cp -a '\(source)' '\(target)' && sync"), "cp -a") })
        let listed = try await store.list(below: StoreKey(["services", "home", "sm"]), within: limit)
        guard listed.count == count else {
          print("only \(listed.count) of \(count) records are in the store")
          exit(2)
        }
      }
      isWithinAim =
        report(
          "\(count) records in batches of \(batch), median of \(stored.count)", store: median(stored),
          "cp -a + sync", other: median(copied), aim: 3) && isWithinAim
    }
    return isWithinAim
  }

  private static func newStore(at path: String) async throws -> DirectoryStore {
    let store = DirectoryStore(path: path)
    try await store.create(within: limit)
    let key = try StoreKey(["services", "home", "owner"])
    _ = try await store.commit(StoreTransaction(writes: [.init(key, owner)]), within: limit)
    _ = try await store.commit(
      StoreTransaction(writes: [.init(try StoreKey(["services", "home", "sm", "first"]), nil)]), within: limit
    )
    return store
  }

  private static func commit(
    _ writes: [StoreTransaction.Write], to store: DirectoryStore
  ) async throws {
    let comparison = StoreTransaction.Comparison(try StoreKey(["services", "home", "owner"]), equals: owner)
    let outcome = try await store.commit(
      StoreTransaction(comparisons: [comparison], writes: writes), within: limit)
    guard outcome == .committed else {
      print("unexpected outcome: \(outcome)")
      exit(2)
    }
  }

  /// A record as statd writes it.
  private static func record(_ number: Int) -> (name: String, bytes: [UInt8]) {
    let name = "10.\(number / 65_536).\(number / 256 % 256).\(number % 256)"
    let line =
      "0100007f 000186b5 00000003 00000010 000102030405060708090a0b0c0d0e0f \(name) nfs.example.com\n"
    return (name, Array(line.utf8))
  }

  private static func writeBare(_ bytes: [UInt8], name: String, in folder: String) throws {
    let draft = "\(folder)/.\(name).new"
    try writeFile(bytes, draft, durably: true)
    try check(rename(draft, folder + "/" + name), name)
    let directory = open(folder, O_RDONLY | O_DIRECTORY)
    try check(directory, folder)
    try check(fsync(directory), folder)
    close(directory)
  }

  private static func writeFile(_ bytes: [UInt8], _ path: String, durably: Bool) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try check(file, path)
    defer { close(file) }
    try check(write(file, bytes, bytes.count) == bytes.count ? 0 : -1, path)
    if durably { try check(fsync(file), path) }
  }

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static func check(_ result: Int32, _ what: String) throws {
    if result < 0 { throw Failure(description: "\(what): \(String(cString: strerror(errno)))") }
    if result > 0 && what == "cp -a" { throw Failure(description: "\(what) failed") }
  }

  private static func time(_ body: () async throws -> Void) async throws -> Duration {
    let begin = ContinuousClock.now
    try await body()
    return ContinuousClock.now - begin
  }

  private static func median(_ durations: [Duration]) -> Duration {
    durations.sorted()[durations.count / 2]
  }

  private static func report(
    _ what: String, store: Duration, _ otherName: String, other: Duration, aim: Double
  ) -> Bool {
    let ratio = store / other
    let hundredths = Int((ratio * 100).rounded())
    let text = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    print("\(what): store \(store), \(otherName) \(other), ratio \(text) (aim: at most \(aim))")
    return ratio <= aim
  }
}
