internal import CLinux
internal import Glibc

/// The lock of a directory store: byte ranges of the file `.lock`, each held by an open file description.
///
/// Locks of open file descriptions (fcntl(2)) exclude threads, processes and, over NFS and cluster file
/// systems, nodes; flock(2) stays local on several of those. A description that is closed, or whose process
/// died, holds nothing. Ranges are always taken in the order transactions, then keys by offset, so that no two
/// calls wait for each other in a circle.
final class StoreLock {
  static let name = ".lock"

  /// What is locked.
  enum Range {
    /// Byte 0: whoever compares, writes a journal or lists.
    case transactions
    /// One byte per key, by the same rule on every node: whoever compares the key, against whoever
    /// writes it without a comparison and hence without `transactions`.
    case key(StoreKey)

    var offset: Int64 {
      switch self {
      case .transactions: 0
      case .key(let key): 1 + Int64(StoreJournal.checksum(of: key.path.utf8) >> 2)
      }
    }
  }

  private let root: StoreRoot
  private let progress: CallProgress
  private var file: StoreFile
  private var version: FileVersion
  private var holdsRanges = false

  /// Runs `body` with a lock that holds nothing yet, and gives back at its end what it took.
  static func with<Answer>(
    _ root: StoreRoot, _ progress: CallProgress, _ body: (StoreLock) throws(StoreFailure) -> Answer
  ) throws(StoreFailure) -> Answer {
    let lock = try StoreLock(root, progress)
    // Given back in so many words: a close doesn't do it while a child process that this one is just starting
    // still has the file open, too.
    defer { lock.releaseAll() }
    return try body(lock)
  }

  private init(_ root: StoreRoot, _ progress: CallProgress) throws(StoreFailure) {
    self.root = root
    self.progress = progress
    (file, version) = try Self.open(root)
  }

  private static func open(_ root: StoreRoot) throws(StoreFailure) -> (StoreFile, FileVersion) {
    let file = try StoreFile(name, in: root.folder, flags: O_RDWR | O_CREAT)
    let version = try file.version()
    guard version.isRegular else { throw StoreFailure(damage: "is no plain file", of: file.path) }
    return (file, version)
  }

  /// Waits for `ranges` up to the caller's limit.
  func take(_ ranges: [Range], exclusively: Bool = true) throws(StoreFailure) {
    let offsets = Set(ranges.map(\.offset)).sorted()
    guard !offsets.isEmpty else { return }
    while true {
      for offset in offsets { try wait(for: offset, exclusively: exclusively) }
      if try isCurrent() { break }
      // Somebody removed the lock's file, which only an operator does: what is held there excludes nobody.
      guard !holdsRanges else {
        throw StoreFailure(
          StoreError(
            .unavailable,
            "\(file.path) was removed while it was in use; nothing was written; leave it in place"))
      }
      (file, version) = try Self.open(root)
    }
    holdsRanges = true
    progress.stage = .working
  }

  /// Takes `range` where nobody holds it now.
  func takeAtOnce(_ range: Range) throws(StoreFailure) -> Bool {
    guard lff_lock_range(file.descriptor, true, range.offset, 1) == 0 else { return false }
    return try isCurrent()
  }

  private func wait(for offset: Int64, exclusively: Bool) throws(StoreFailure) {
    var pause: UInt32 = 50
    while true {
      let failure = lff_lock_range(file.descriptor, exclusively, offset, 1)
      switch failure {
      case 0:
        return
      case EAGAIN, EACCES:
        progress.stage = .waitingForLock
        try progress.check(root.location)
        // Polled, so that the thread is free again at the limit; drawn at random, so that two who wait
        // don't keep step.
        usleep(UInt32.random(in: pause / 2...pause))
        pause = min(pause * 2, 5_000)
      default:
        throw StoreFailure(failure, "lock", file.path)
      }
    }
  }

  private func isCurrent() throws(StoreFailure) -> Bool {
    try root.folder.version(of: Self.name).map { $0.isSameFile(as: version) } ?? false
  }

  /// Gives back the one range that is held; several go when the lock is closed.
  func release(_ range: Range) {
    holdsRanges = false
    _ = lff_unlock_range(file.descriptor, range.offset, 1)
  }

  private func releaseAll() {
    // A length of 0 reaches to the end, wherever that is (fcntl(2)).
    _ = lff_unlock_range(file.descriptor, 0, 0)
  }

  /// Sets the lock file's times by the clock of the file system and returns them, as the measure for the age
  /// of other files in it.
  func touch() throws(StoreFailure) -> FileVersion {
    guard futimens(file.descriptor, nil) == 0 else {
      throw StoreFailure(errno, "set the times of", file.path)
    }
    return try file.version()
  }
}
