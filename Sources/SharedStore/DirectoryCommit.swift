internal import Glibc

/// One transaction on a directory store, from the lock to the answer. Blocks its thread.
///
/// One write commits by the rename of its file, or by one byte in the file that is there (``OneByteChange``); several
/// commit by the rename of a journal (``StoreJournal``). Up to that call a transaction that fails or is late leaves nothing;
/// from it on nothing undoes it.
struct DirectoryCommit {
  /// Up to so many files are made durable one by one, more by writing back the whole file system at once.
  static let fewFiles = 16

  let root: StoreRoot
  let progress: CallProgress
  let transaction: StoreTransaction

  private var isDurable: Bool { transaction.durability == .durable }

  /// Writes the values before it takes the lock: a large batch on a slow disk is not to keep small transactions, such
  /// as the renewal of a lease, from it. And a machine that is paused after its comparison loses the lock to the
  /// file system's own lease: what it has compared is old when it goes on, so that nothing but the rename that commits
  /// may be left to do. No clock inside need show such a pause.
  func run() throws(StoreFailure) -> StoreOutcome {
    guard transaction.writes.count > 1 else { return try runSingle() }
    let batch = PreparedBatch(root, progress)
    defer { batch.discard() }
    try batch.prepare(transaction.writes)
    return try whereNothingConflicts { () throws(StoreFailure) in try batch.commit() }
  }

  private func runSingle() throws(StoreFailure) -> StoreOutcome {
    guard let write = transaction.writes.first else {
      return try whereNothingConflicts { () throws(StoreFailure) in }
    }
    guard let value = write.value else {
      return try whereNothingConflicts { () throws(StoreFailure) in try delete(write.key) }
    }
    if let change = changeInPlace(to: value, of: write.key) {
      return try runInPlace(change, to: value, of: write.key)
    }
    let draft = try draft(value, for: write.key)
    var isCommitted = false
    defer { if !isCommitted { root.discard(draft) } }
    return try whereNothingConflicts { () throws(StoreFailure) in
      try makeVisible(draft, as: write.key)
      isCommitted = true
    }
  }

  /// What may be changed in the file as it is: a new file, its rename and the end of the old one are most of what a beat
  /// costs, twice a second for ever. Only where the old bytes are known, since they are compared, and where nothing need
  /// be durable.
  private func changeInPlace(to value: [UInt8], of key: StoreKey) -> OneByteChange? {
    guard !isDurable, let old = transaction.comparisons.first(where: { $0.key == key })?.value else {
      return nil
    }
    return OneByteChange(from: old, to: value)
  }

  /// The file is open before anything is compared, so that here, too, nothing but the call that commits is left to do.
  private func runInPlace(
    _ change: OneByteChange, to value: [UInt8], of key: StoreKey
  ) throws(StoreFailure) -> StoreOutcome {
    try StoreLock.with(root, progress) { (lock) throws(StoreFailure) in
      try take(lock)
      let opened = try root.changeableFile(of: key)
      if let conflict = try conflict() { return conflict }
      guard let opened else {
        try replace(key, with: value)
        return .committed
      }
      if try !root.overwrite(opened, of: key, change, progress) {
        do throws(StoreFailure) {
          try replace(key, with: value)
        } catch {
          // The value is visible already.
          throw .indeterminate(error.text)
        }
      }
      return .committed
    }
  }

  private func whereNothingConflicts(
    _ commit: () throws(StoreFailure) -> Void
  ) throws(StoreFailure) -> StoreOutcome {
    try StoreLock.with(root, progress) { (lock) throws(StoreFailure) in
      try take(lock)
      if let conflict = try conflict() { return conflict }
      try commit()
      return .committed
    }
  }

  /// One write without a comparison, unless it would have to wait for a lock: then nil, and nothing happened.
  ///
  /// It needs no order against transactions on other keys, so it doesn't wait for them: a beat passes a batch.
  /// The key's own range keeps it out between the comparison and the commit of a transaction that compares
  /// this key. Against one that writes the key unseen the order of the renames decides.
  func runAtOnce() throws(StoreFailure) -> StoreOutcome? {
    guard let write = transaction.writes.first else { return .committed }
    return try StoreLock.with(root, progress) { (lock) throws(StoreFailure) in
      // A journal that writes this key was committed before this write began, so it has to come first.
      guard try lock.takeAtOnce(.key(write.key)), try !root.isInJournal(write.key) else { return nil }
      guard let value = write.value else {
        try delete(write.key)
        return .committed
      }
      try replace(write.key, with: value)
      return .committed
    }
  }

  private func take(_ lock: StoreLock) throws(StoreFailure) {
    try lock.take([.transactions])
    try root.finishJournal()
    try lock.take(transaction.comparisons.map { .key($0.key) })
  }

  private func conflict() throws(StoreFailure) -> StoreOutcome? {
    for comparison in transaction.comparisons {
      let actual = try root.value(of: comparison.key)
      if actual != comparison.value { return .conflict(key: comparison.key, actual: actual) }
    }
    return nil
  }

  /// A new file in the place of the key's.
  private func replace(_ key: StoreKey, with value: [UInt8]) throws(StoreFailure) {
    let draft = try draft(value, for: key)
    do throws(StoreFailure) {
      try makeVisible(draft, as: key)
    } catch {
      root.discard(draft)
      throw error
    }
  }

  private func draft(_ value: [UInt8], for key: StoreKey) throws(StoreFailure) -> StoreDraft {
    let folder = try root.makeFolder(for: key, durably: isDurable)
    var names = TemporaryNames()
    return try root.draft(value, as: names.next(), in: folder, durably: isDurable)
  }

  private func makeVisible(_ draft: StoreDraft, as key: StoreKey) throws(StoreFailure) {
    do throws(StoreFailure) {
      try root.makeVisible(draft, as: key.name, progress, durably: isDurable)
    } catch {
      throw error.number == EISDIR ? StoreFailure(.keysBelow(key)) : error
    }
  }

  private func delete(_ key: StoreKey) throws(StoreFailure) {
    guard let folder = try root.folder(at: key.folder) else { return }
    try progress.check(root.location)
    progress.stage = .committing
    root.steps.reached("remove \(key.name)")
    do throws(StoreFailure) {
      try folder.remove(key.name)
    } catch {
      // Absent already; a folder is no value.
      if error.number == ENOENT || error.number == EISDIR { return }
      throw error
    }
    root.steps.reached("sync the folder of \(key.name)")
    if isDurable { try root.syncVisible(folder) }
  }
}
