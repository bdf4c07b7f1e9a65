internal import Glibc
internal import Synchronization

/// A store in a folder that every node reaches: on a local disk for one node, on a cluster file system or an NFS
/// mount for several.
///
/// A key is a plain file that holds exactly the value's bytes, so that `services/home/sm/10.0.0.11` below the
/// folder can be read with `cat` and rescued by hand. The store's own files are hidden: `.lockferry-store` (marks
/// the folder as a store), `.lock`, `.journal` (a committed transaction that isn't applied yet) and
/// `.new-…` (values that aren't visible yet).
///
/// All file calls wait in three queues, each of which is worked off in order, one call at a time:
/// - prompt: reads, and single writes without a comparison. They never wait for a lock here, so that
///   a beat passes all other calls of the store; the few that have to wait for a transaction on their own key move on to the next.
/// - transactions: what compares, or writes several keys, up to eight.
/// - bulk: transactions of more than eight writes, lists, creation.
///
/// Bulk has a thread of its own. The other two have one each, or whatever thread ``init(path:calls:)`` is told of.
///
/// A call returns at its limit even if the file system hangs. What had not begun by then never begins, and what
/// had begun ends before its commit point, unless it hangs in the very call that commits.
/// Cancellation of the calling task doesn't end a call; its limit does.
///
/// Keys hold up to 1 MiB. A key that is the folder of other keys, or once was, can't hold a value.
public final class DirectoryStore: SharedStore {
  private let place: StorePlace
  private let prompt: StoreLane
  private let transactions: StoreLane
  private let bulk: StoreLane
  private let limits = TimeLimits()
  private let nextSweep = Mutex<ContinuousClock.Instant?>(nil)

  private static let smallTransaction = 8
  private static let sweepInterval = Duration.seconds(3600)

  /// Has a call that may hang run soon, on a thread where nobody waits for it longer than he can; false where there is none.
  public typealias BeginCall = @Sendable (@escaping @Sendable () -> Void) -> Bool

  /// The store in the folder at `path`, which needn't be there yet: until it is, every call says so.
  ///
  /// - Parameter calls: runs those that are mostly short. Two may be under way at a time. Nil: threads of the store's own do.
  public convenience init(path: String, calls: BeginCall? = nil) {
    self.init(path: path, calls: calls, steps: nil)
  }

  /// For crash tests: `steps` is told of each system call of a commit before it is made.
  package init(path: String, calls: BeginCall? = nil, steps: (@Sendable (String) -> Void)?) {
    place = StorePlace(path, steps: steps)
    prompt = StoreLane(calls ?? StoreThread().run)
    transactions = StoreLane(calls ?? StoreThread().run)
    bulk = StoreLane(StoreThread().run)
  }

  deinit { limits.close() }

  /// The path of the folder.
  public var path: String { place.path }

  /// `directory:` and the path.
  public var location: String { place.location }

  /// Makes the folder a store, and the folder itself where its parent exists. A folder that is a store
  /// already stays as it is.
  ///
  /// Only an operator's request may call this: where a file system isn't mounted it would make a store on the
  /// disk beneath.
  public func create(within limit: Duration) async throws(StoreError) {
    let place = place
    try await run(on: bulk, until: Self.deadline(limit)) { (progress) throws(StoreFailure) in
      try StoreRoot.create(place, progress)
    }
  }

  /// The bytes of those of `keys` that are there, read one after the other.
  ///
  /// - Throws: ``StoreError``; ``StoreError/Code/damaged`` where something that isn't a value lies in a key's place.
  public func read(
    _ keys: [StoreKey], within limit: Duration
  ) async throws(StoreError) -> [StoreKey: [UInt8]] {
    try await readWhole(until: Self.deadline(limit)) {
      $0.writes(anyOf: keys)
    } _: {
      (root, progress) throws(StoreFailure) in
      try root.values(of: keys, progress)
    }
  }

  /// In the queue of reads, so that it waits for no transaction but one that has committed and writes what is read.
  public func look(
    at keys: [StoreKey], aside asides: [StoreKey], below prefixes: [StoreKey], within limit: Duration
  ) async throws(StoreError) -> StoreSight {
    try await readWhole(until: Self.deadline(limit)) {
      $0.writes(anyOf: keys + asides, orBelow: prefixes)
    } _: {
      (root, progress) throws(StoreFailure) in
      var sight = StoreSight(values: try root.values(of: keys, progress))
      for key in asides { if let bytes = try? root.value(of: key) { sight.values[key] = bytes } }
      // A folder that somebody has filled must not keep from the caller what it looks for.
      let patience = CallProgress(deadline: .now + (progress.deadline - .now) / 2)
      for prefix in prefixes {
        sight.below[prefix] = try? StoreScan.runUnlocked(root, patience, below: prefix)
      }
      return sight
    }
  }

  /// A committed transaction is never seen half: one that `concerns` what is read is applied first.
  private func readWhole<Value: Sendable>(
    until deadline: ContinuousClock.Instant, where concerns: @escaping @Sendable (StoreJournal) -> Bool,
    _ read: @escaping @Sendable (StoreRoot, CallProgress) throws(StoreFailure) -> Value
  ) async throws(StoreError) -> Value {
    let atOnce = try await runInRoot(on: prompt, until: deadline) {
      (root, progress) throws(StoreFailure) -> Value? in
      if let journal = try root.journal(), concerns(journal) { return nil }
      return try read(root, progress)
    }
    if let atOnce { return atOnce }
    return try await runInRoot(on: transactions, until: deadline) { (root, progress) throws(StoreFailure) in
      try StoreLock.with(root, progress) { (lock) throws(StoreFailure) in
        try lock.take([.transactions])
        try root.finishJournal()
        return try read(root, progress)
      }
    }
  }

  /// Every key below `prefix` (not `prefix` itself) with its bytes, as of one moment. Files that no store
  /// writes, hidden ones and links among them, are left out.
  public func list(
    below prefix: StoreKey, within limit: Duration
  ) async throws(StoreError) -> [StoreKey: [UInt8]] {
    let values = try await runInRoot(on: bulk, until: Self.deadline(limit)) {
      (root, progress) throws(StoreFailure) in
      try StoreScan.run(root, progress, below: prefix)
    }
    sweepWhenDue()
    return values
  }

  /// When each key below `prefix` was last written: seconds since 1970, by the clock of its file system. For people:
  /// other stores don't know.
  public func written(
    below prefix: StoreKey, within limit: Duration
  ) async throws(StoreError) -> [StoreKey: Int] {
    try await runInRoot(on: bulk, until: Self.deadline(limit)) { (root, progress) throws(StoreFailure) in
      try StoreScan.written(root, progress, below: prefix)
    }
  }

  /// Commits all of `transaction` or nothing of it. Several writes are made durable even where they need only be
  /// visible.
  public func commit(
    _ transaction: StoreTransaction, within limit: Duration
  ) async throws(StoreError) -> StoreOutcome {
    let isSmall = transaction.writes.count <= Self.smallTransaction
    if isSmall { try transaction.checkWrites() }
    let deadline = Self.deadline(limit)
    do throws(StoreError) {
      if transaction.writes.count == 1 && transaction.comparisons.isEmpty {
        let atOnce = try await runInRoot(on: prompt, until: deadline) {
          (root, progress) throws(StoreFailure) in
          try DirectoryCommit(root: root, progress: progress, transaction: transaction).runAtOnce()
        }
        if let atOnce { return atOnce }
      }
      if isSmall {
        return try await runInRoot(on: transactions, until: deadline) {
          (root, progress) throws(StoreFailure) in
          try DirectoryCommit(root: root, progress: progress, transaction: transaction).run()
        }
      }
      let place = place
      return try await run(on: bulk, until: deadline) { (progress) throws(StoreFailure) in
        // Not on the caller's thread, which may have beats to send.
        do throws(StoreError) {
          try transaction.checkWrites()
        } catch {
          throw StoreFailure(error)
        }
        return try DirectoryCommit(
          root: try StoreRoot(place), progress: progress, transaction: transaction
        ).run()
      }
    } catch {
      // What dead writers left may be what fills the disk.
      if error.code == .full { sweepWhenDue(atOnce: true) }
      throw error
    }
  }

  private static func deadline(_ limit: Duration) -> ContinuousClock.Instant {
    .now + min(max(limit, .zero), StoreLimits.longestCall)
  }

  private func runInRoot<Value: Sendable>(
    on lane: StoreLane, until deadline: ContinuousClock.Instant,
    _ work: @escaping @Sendable (StoreRoot, CallProgress) throws(StoreFailure) -> Value
  ) async throws(StoreError) -> Value {
    let place = place
    return try await run(on: lane, until: deadline) { (progress) throws(StoreFailure) in
      try work(try StoreRoot(place), progress)
    }
  }

  private func run<Value: Sendable>(
    on lane: StoreLane, until deadline: ContinuousClock.Instant,
    _ work: @escaping @Sendable (CallProgress) throws(StoreFailure) -> Value
  ) async throws(StoreError) -> Value {
    let progress = CallProgress(deadline: deadline)
    let (location, limits) = (location, limits)
    let answer = await withCheckedContinuation { caller in
      let call = StoreCall(location, progress, caller: caller, work: work)
      let ticket = limits.add(progress.deadline) {
        call.expire()
        lane.remove(call)
      }
      guard let ticket else { return call.refuse() }
      call.onEnd { limits.remove(ticket) }
      lane.add(call)
    }
    return try answer.get()
  }

  private func sweepWhenDue(atOnce: Bool = false) {
    let now = ContinuousClock.now
    let isDue = nextSweep.withLock { next in
      // A disk that stays full is swept once a minute at most.
      let due = next.map { atOnce ? $0 - Self.sweepInterval + .seconds(60) : $0 } ?? now
      guard due <= now else { return false }
      next = now + Self.sweepInterval
      return true
    }
    guard isDue else { return }
    let place = place
    bulk.add(
      StoreChore(CallProgress(deadline: now + .seconds(60))) { (progress) throws(StoreFailure) in
        try StoreSweep(try StoreRoot(place), progress).run()
      })
  }
}

extension StoreRoot {
  /// Makes the folder at `path` a store.
  fileprivate static func create(_ place: StorePlace, _ progress: CallProgress) throws(StoreFailure) {
    let path = place.path
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw StoreFailure(errno, "make the folder", path)
    }
    let folder = try StoreFile(path, in: nil, flags: O_RDONLY | O_DIRECTORY)
    if try folder.version(of: markerName) == nil {
      try StoreFile("..", in: folder, flags: O_RDONLY | O_DIRECTORY).sync()
      var names = TemporaryNames()
      let name = names.next()
      let marker = try StoreFile(name, in: folder, flags: O_WRONLY | O_CREAT | O_EXCL)
      try marker.write(Array((markerLine + "\n").utf8))
      try marker.sync()
      try marker.close()
      try progress.check(place.location)
      progress.stage = .committing
      try folder.rename(name, to: markerName)
      try folder.sync()
    }
    _ = try StoreRoot(place)
  }
}
