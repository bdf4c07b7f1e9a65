internal import Glibc

/// What turns one value into the next where a single byte of it differs, as with a counter that grows.
///
/// One byte is written whole or not at all, on every file system and across a crash at any point. So such a change may be
/// made in the file that holds the value: whoever reads it meanwhile takes the old value or the new one, never a mixture.
struct OneByteChange: Equatable {
  let offset: Int
  let byte: UInt8

  /// Nil where the lengths differ, or more than one byte does, or none.
  init?(from old: [UInt8], to new: [UInt8]) {
    guard old.count == new.count, let offset = old.indices.first(where: { old[$0] != new[$0] }),
      old[(offset + 1)...] == new[(offset + 1)...]
    else { return nil }
    self.offset = offset
    byte = new[offset]
  }
}

extension StoreRoot {
  /// The file of `key`, open to be changed in place; nil where a new file shall take its place instead: it can't be written,
  /// or it has a second name, as in a backup made of hard links, under which it is to stay as it is.
  func changeableFile(of key: StoreKey) throws(StoreFailure) -> (file: StoreFile, version: FileVersion)? {
    // Not O_RDWR: for that an NFS server hands out a write delegation (nfsd's nfs4_set_delegation), and whoever looks at the
    // beat of a dead node would wait until the server takes it back.
    guard let folder = try folder(at: key.folder),
      let file = try? StoreFile(key.name, in: folder, flags: O_WRONLY)
    else { return nil }
    let version = try file.version()
    return version.isRegular && version.links == 1 ? (file, version) : nil
  }

  /// Makes `change` in the open file: the commit point. Every node sees it, a power cut may lose it.
  ///
  /// - Returns: false where the file is still of the same version to all who look at it, though its value is the new one:
  ///   two changes within one step of the file system's clock. A scan would take what it read before the second for
  ///   what held after it, so a new file has to take its place before the lock is given back.
  func overwrite(
    _ opened: (file: StoreFile, version: FileVersion), of key: StoreKey, _ change: OneByteChange,
    _ progress: CallProgress
  ) throws(StoreFailure) -> Bool {
    try progress.check(location)
    progress.stage = .committing
    steps.reached("overwrite \(key.name)")
    do throws(StoreFailure) {
      try opened.file.overwrite(change.byte, at: change.offset)
    } catch {
      throw error.isRefusal ? error : .indeterminate(error.text)
    }
    do throws(StoreFailure) {
      let version = try opened.file.version()
      // Where the file system writes only now it is here that it says so.
      try opened.file.close()
      // Somebody has replaced the file, who must have had the lock meanwhile: nobody sees what was written here.
      guard version.links == 1 else {
        throw StoreFailure(ESTALE, "write", key.name)
      }
      return version != opened.version
    } catch {
      throw .indeterminate(error.text)
    }
  }
}

extension StoreFailure {
  /// The file system has said no to a write, and has not begun it.
  fileprivate var isRefusal: Bool { [ENOSPC, EDQUOT, EFBIG, EROFS, EPERM].contains(number) }
}
