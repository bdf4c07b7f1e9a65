internal import CLinux
internal import Glibc

/// A value under a hidden name in the folder where it becomes visible.
struct StoreDraft {
  let name: String
  let folder: StoreFile
  let version: FileVersion
}

extension StoreRoot {
  /// Writes `value` under a hidden name; on failure nothing is left.
  func draft(
    _ value: [UInt8], as name: String, in folder: StoreFile, durably: Bool
  ) throws(StoreFailure) -> StoreDraft {
    steps.reached("create \(name)")
    let file = try StoreFile(name, in: folder, flags: O_WRONLY | O_CREAT | O_EXCL)
    do throws(StoreFailure) {
      steps.reached("write \(name)")
      try file.write(value)
      if durably {
        steps.reached("sync \(name)")
        try file.sync()
      }
      let draft = StoreDraft(name: name, folder: folder, version: try file.version())
      try file.close()
      return draft
    } catch {
      discard(name, in: folder)
      throw error
    }
  }

  /// Removes a draft that won't become visible.
  func discard(_ draft: StoreDraft) {
    discard(draft.name, in: draft.folder)
  }

  private func discard(_ name: String, in folder: StoreFile) {
    do throws(StoreFailure) {
      try folder.remove(name)
    } catch {
      // It became visible after all, or the file system is in trouble, of which the caller is told anyway;
      // the sweep removes what stays.
    }
  }

  /// Renames a draft to its visible name: the commit point. A failure that is no verdict says that it stayed
  /// invisible.
  func makeVisible(
    _ draft: StoreDraft, as name: String, _ progress: CallProgress, durably: Bool
  ) throws(StoreFailure) {
    try progress.check(location)
    progress.stage = .committing
    steps.reached("rename \(draft.name) to \(name)")
    do throws(StoreFailure) {
      try draft.folder.rename(draft.name, to: name)
    } catch {
      // A network file system may have done what it reports as failed: a repeated RENAME finds no file.
      if try looksVisible(draft, as: name, after: error) == false { throw error }
    }
    if durably {
      steps.reached("sync the folder of \(name)")
      try syncVisible(draft.folder)
    }
  }

  private func looksVisible(
    _ draft: StoreDraft, as name: String, after failure: StoreFailure
  ) throws(StoreFailure) -> Bool {
    switch failure.number {
    case ENOENT, EIO, ESTALE, ETIMEDOUT, ENOTCONN, EINTR:
      do throws(StoreFailure) {
        if let found = try draft.folder.version(of: name), found.isSameFile(as: draft.version) { return true }
        if try draft.folder.version(of: draft.name) != nil { return false }
      } catch {
        throw .indeterminate(failure.text)
      }
      throw .indeterminate(failure.text)
    default:
      return false
    }
  }

  /// Makes a change durable that everybody sees already.
  func syncVisible(_ folder: StoreFile) throws(StoreFailure) {
    do throws(StoreFailure) {
      try folder.sync()
    } catch {
      throw .indeterminate(error.text)
    }
  }
}

extension StoreFailure {
  /// The commit may or may not have happened, or may not survive a power cut.
  static func indeterminate(_ text: String) -> StoreFailure {
    StoreFailure(
      StoreError(
        .timedOut,
        "\(text); the write may or may not have happened or be durable: read before deciding, and look whether the "
          + "store's file system is well"), mayBeVisible: true)
  }
}

/// The several writes of one transaction: drafts first, then one journal, then nothing but renames.
final class PreparedBatch {
  private let root: StoreRoot
  private let progress: CallProgress
  private var names = TemporaryNames()
  private var folders: [ArraySlice<String>: StoreFile] = [:]
  private var lastFolder: (components: ArraySlice<String>, folder: StoreFile)?
  private var drafts: [StoreDraft] = []
  private var journal = StoreJournal(entries: [])
  private var journalDraft: StoreDraft?

  init(_ root: StoreRoot, _ progress: CallProgress) {
    self.root = root
    self.progress = progress
  }

  /// Writes every value and the journal under hidden names and makes all of them durable. Needs no lock.
  func prepare(_ writes: [StoreTransaction.Write]) throws(StoreFailure) {
    let isLarge = writes.count > DirectoryCommit.fewFiles
    for write in writes {
      try progress.check(root.location)
      guard let value = write.value else {
        journal.entries.append(.delete(write.key))
        continue
      }
      let folder = try folder(of: write.key)
      guard try folder.version(of: write.key.name)?.isFolder != true else {
        throw StoreFailure(.keysBelow(write.key))
      }
      let draft = try root.draft(value, as: names.next(), in: folder, durably: !isLarge)
      drafts.append(draft)
      journal.entries.append(.set(write.key, from: draft.name))
    }
    try root.sync(Array(folders.values), wholeFileSystem: isLarge)
    let bytes = journal.bytes
    guard bytes.count <= StoreJournal.maximumBytes else {
      throw StoreFailure(
        StoreError(
          .invalidKey,
          "a transaction of \(journal.entries.count) writes is too large for the store; nothing was written"))
    }
    journalDraft = try root.draft(bytes, as: names.next(), in: root.folder, durably: true)
  }

  private func folder(of key: StoreKey) throws(StoreFailure) -> StoreFile {
    if let lastFolder, lastFolder.components == key.folder { return lastFolder.folder }
    let folder: StoreFile
    if let known = folders[key.folder] {
      folder = known
    } else {
      folder = try root.makeFolder(for: key, durably: true)
      folders[key.folder] = folder
    }
    lastFolder = (key.folder, folder)
    return folder
  }

  /// Commits under the lock what is prepared.
  func commit() throws(StoreFailure) {
    guard let draft = journalDraft else { return }
    do throws(StoreFailure) {
      try root.makeVisible(draft, as: StoreRoot.journalName, progress, durably: true)
    } catch {
      // Where the journal may be in place its drafts have to stay.
      if error.mayBeVisible { forgetDrafts() }
      throw error
    }
    forgetDrafts()
    do throws(StoreFailure) {
      try root.apply(journal)
    } catch {
      // It is committed all the same: the journal is durable, and whoever meets it finishes it first.
    }
  }

  private func forgetDrafts() { (drafts, journalDraft) = ([], nil) }

  /// Removes what won't become visible.
  func discard() {
    for draft in drafts + [journalDraft].compactMap(\.self) { root.discard(draft) }
    forgetDrafts()
  }
}

extension StoreRoot {
  /// The journal of a transaction that is committed and not applied yet.
  func journal() throws(StoreFailure) -> StoreJournal? {
    for attempt in 1... {
      do throws(StoreFailure) {
        let file = try StoreFile(Self.journalName, in: folder, flags: O_RDONLY)
        let version = try file.version()
        guard version.isRegular else { throw StoreFailure(damage: "is no plain file", of: file.path) }
        let bytes = try file.contents(limit: StoreJournal.maximumBytes, expecting: version.size)
        guard let journal = StoreJournal(bytes) else {
          throw StoreFailure(damage: "is no whole journal", of: file.path)
        }
        return journal
      } catch {
        if error.number == ENOENT { return nil }
        // Removed by its owner on another NFS client while it was read here.
        guard error.number == ESTALE, attempt < 10 else { throw error }
      }
    }
    return nil
  }

  /// Whether a committed transaction that isn't applied yet writes `key`.
  func isInJournal(_ key: StoreKey) throws(StoreFailure) -> Bool {
    try journal()?.writes(anyOf: [key]) ?? false
  }

  /// Applies a journal that a dead or failed call left behind. Under the lock, exclusively.
  func finishJournal() throws(StoreFailure) {
    if let journal = try journal() { try apply(journal) }
  }

  /// Renames the drafts of a committed journal to their keys and removes it. Doing it again changes nothing,
  /// so that it may end anywhere.
  func apply(_ journal: StoreJournal) throws(StoreFailure) {
    var folders: [ArraySlice<String>: StoreFile] = [:]
    var last: (place: ArraySlice<String>, folder: StoreFile?)?
    for entry in journal.entries {
      let place = entry.key.folder
      if last?.place != place {
        if folders[place] == nil { folders[place] = try folder(at: place) }
        last = (place, folders[place])
      }
      guard let folder = last?.folder else { continue }
      steps.reached("apply \(entry.key)")
      do throws(StoreFailure) {
        switch entry {
        case .set(let key, let draft): try folder.rename(draft, to: key.name)
        case .delete(let key): try folder.remove(key.name)
        }
      } catch {
        // Applied before; deleting a folder is deleting an absent key.
        if error.number == ENOENT { continue }
        if error.number == EISDIR, case .delete = entry { continue }
        throw error
      }
    }
    try sync(Array(folders.values), wholeFileSystem: folders.count > DirectoryCommit.fewFiles)
    steps.reached("remove the journal")
    do throws(StoreFailure) {
      try folder.remove(Self.journalName)
    } catch {
      guard error.number == ENOENT else { throw error }
    }
    // A journal that came back after a power cut would find its drafts gone, which changes nothing. A
    // deletion it would repeat, over what was written since.
    if journal.hasDeletions {
      steps.reached("sync the root")
      try folder.sync()
    }
  }

  /// Makes what happened in these folders durable.
  func sync(_ folders: [StoreFile], wholeFileSystem: Bool) throws(StoreFailure) {
    guard wholeFileSystem else {
      for folder in folders {
        steps.reached("sync \(folder.path)")
        try folder.sync()
      }
      return
    }
    var devices: Set<UInt> = []
    for folder in folders where devices.insert(try folder.version().device).inserted {
      steps.reached("sync the file system of \(folder.path)")
      let failure = lff_sync_file_system(folder.descriptor)
      if failure != 0 { throw StoreFailure(failure, "make durable the file system of", folder.path) }
    }
  }
}
