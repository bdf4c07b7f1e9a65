internal import Glibc

/// Every key below a prefix as of one moment. Blocks its thread.
///
/// Every file is read first, without a lock, since that may take long. Then a shared lock keeps transactions out
/// while every file is looked at again: where no version has changed between the two looks, all of them held
/// at one moment, the one when the second look began. What changed is read again, under the lock.
struct StoreScan {
  private let root: StoreRoot
  private let progress: CallProgress
  private let prefix: StoreKey
  private var found: [StoreKey: (bytes: [UInt8], version: FileVersion)] = [:]

  init(_ root: StoreRoot, _ progress: CallProgress, below prefix: StoreKey) {
    self.root = root
    self.progress = progress
    self.prefix = prefix
  }

  /// Lists.
  static func run(
    _ root: StoreRoot, _ progress: CallProgress, below prefix: StoreKey
  ) throws(StoreFailure) -> [StoreKey: [UInt8]] {
    var scan = StoreScan(root, progress, below: prefix)
    return try StoreLock.with(root, progress) { (lock) throws(StoreFailure) in
      try scan.readAll()
      try scan.takeShared(lock)
      try scan.verify(lock)
      return scan.found.mapValues(\.bytes)
    }
  }

  /// When each value was last written, seconds since 1970.
  static func written(
    _ root: StoreRoot, _ progress: CallProgress, below prefix: StoreKey
  ) throws(StoreFailure) -> [StoreKey: Int] {
    var scan = StoreScan(root, progress, below: prefix)
    var written: [StoreKey: Int] = [:]
    try scan.visit { (_, key, folder) throws(StoreFailure) in
      if let version = try folder.version(of: key.name), version.isRegular {
        written[key] = version.modifiedSeconds
      }
    }
    return written
  }

  /// Lists without a lock, hence not as of one moment.
  static func runUnlocked(
    _ root: StoreRoot, _ progress: CallProgress, below prefix: StoreKey
  ) throws(StoreFailure) -> [StoreKey: [UInt8]] {
    var scan = StoreScan(root, progress, below: prefix)
    try scan.readAll()
    return scan.found.mapValues(\.bytes)
  }

  private mutating func readAll() throws(StoreFailure) {
    try visit { (scan, key, folder) throws(StoreFailure) in
      if let value = try scan.root.value(of: key, in: folder) { scan.found[key] = value }
    }
  }

  private mutating func verify(_ lock: StoreLock) throws(StoreFailure) {
    for round in 1... {
      let changed = try changedKeys()
      if changed.isEmpty { return }
      // Keys that are written again and again are held still, so that the scan ends.
      if round > 1 { try lock.take(changed.map { .key($0) }, exclusively: false) }
      for key in changed {
        found[key] = nil
        if let folder = try root.folder(at: key.folder), let value = try root.value(of: key, in: folder) {
          found[key] = value
        }
      }
    }
  }

  private func takeShared(_ lock: StoreLock) throws(StoreFailure) {
    while true {
      try lock.take([.transactions], exclusively: false)
      guard try root.journal() != nil else { return }
      lock.release(.transactions)
      try lock.take([.transactions])
      try root.finishJournal()
      lock.release(.transactions)
    }
  }

  private mutating func changedKeys() throws(StoreFailure) -> [StoreKey] {
    var versions: [StoreKey: FileVersion] = [:]
    versions.reserveCapacity(found.count)
    try visit { (_, key, folder) throws(StoreFailure) in
      if let version = try folder.version(of: key.name), version.isRegular { versions[key] = version }
    }
    var changed = found.filter { versions[$0.key] != $0.value.version }.map(\.key)
    changed += versions.keys.filter { found[$0] == nil }
    return changed
  }

  /// Calls `body` with every file below the prefix whose path is a key.
  private mutating func visit(
    _ body: (inout StoreScan, StoreKey, StoreFile) throws(StoreFailure) -> Void
  ) throws(StoreFailure) {
    guard let folder = try root.folder(at: prefix.components[...]) else { return }
    try visit(folder, prefix, body)
  }

  private mutating func visit(
    _ folder: StoreFile, _ place: StoreKey,
    _ body: (inout StoreScan, StoreKey, StoreFile) throws(StoreFailure) -> Void
  ) throws(StoreFailure) {
    for (count, entry) in try folder.names().enumerated() {
      if count % 64 == 0 { try progress.check(root.location) }
      // Hidden and foreign names are no keys.
      guard let key = try? place.appending(entry.name) else { continue }
      switch try kind(of: entry, in: folder) {
      case Int(DT_REG):
        try body(&self, key, folder)
      case Int(DT_DIR):
        do throws(StoreFailure) {
          let below = try StoreFile(entry.name, in: folder, flags: O_RDONLY | O_DIRECTORY)
          try visit(below, key, body)
        } catch {
          guard error.number == ENOENT else { throw error }
        }
      default:
        continue
      }
    }
  }

  private func kind(of entry: (name: String, kind: Int), in folder: StoreFile) throws(StoreFailure) -> Int {
    guard entry.kind == Int(DT_UNKNOWN) else { return entry.kind }
    guard let version = try folder.version(of: entry.name) else { return entry.kind }
    return version.isRegular ? Int(DT_REG) : version.isFolder ? Int(DT_DIR) : entry.kind
  }
}

/// Removes what writers that died left under hidden names.
struct StoreSweep {
  private let root: StoreRoot
  private let progress: CallProgress

  init(_ root: StoreRoot, _ progress: CallProgress) {
    self.root = root
    self.progress = progress
  }

  /// Sweeps the whole store, unless somebody holds the lock now.
  func run() throws(StoreFailure) {
    let touched = try StoreLock.with(root, progress) { (lock) throws(StoreFailure) -> FileVersion? in
      guard try lock.takeAtOnce(.transactions) else { return nil }
      try root.finishJournal()
      return try lock.touch()
    }
    // Age by the clock of the file system. No journal was left when it was read, and no call that commits one later
    // has drafts older than the longest call: so what is older is nobody's, and the lock isn't needed any more.
    guard let touched else { return }
    let oldest = touched.modifiedSeconds - Int(StoreLimits.longestCall.components.seconds) - 60
    try sweep(root.folder, depth: 0, before: oldest)
  }

  private func sweep(_ folder: StoreFile, depth: Int, before oldest: Int) throws(StoreFailure) {
    for entry in try folder.names() {
      try progress.check(root.location)
      if TemporaryNames.isTemporary(entry.name) {
        guard let version = try folder.version(of: entry.name), version.isRegular,
          version.modifiedSeconds < oldest
        else { continue }
        do throws(StoreFailure) {
          try folder.remove(entry.name)
        } catch {
          guard error.number == ENOENT else { throw error }
        }
      } else if depth < 7, entry.kind == Int(DT_DIR) || entry.kind == Int(DT_UNKNOWN),
        (try? StoreKey([entry.name])) != nil
      {
        guard try folder.version(of: entry.name)?.isFolder == true else { continue }
        try sweep(
          try StoreFile(entry.name, in: folder, flags: O_RDONLY | O_DIRECTORY), depth: depth + 1,
          before: oldest)
      }
    }
  }
}
