internal import Glibc

/// Why a call on the store's files gave up: a system call that failed, or a verdict of our own.
struct StoreFailure: Error {
  /// The errno value, or 0 for a verdict.
  let number: Int32
  /// Whether something of the call may be visible to others.
  let mayBeVisible: Bool
  private let verdict: StoreError?
  private let action: String
  private let path: String

  /// What was tried on which path and what the system said; put together where somebody is told, since most failures say
  /// that a key is absent.
  var text: String {
    verdict?.message ?? "can't \(action) \(path): \(String(cString: strerror(number)))"
  }

  init(_ number: Int32, _ action: String, _ path: String) {
    self.number = number
    (self.action, self.path) = (action, path)
    mayBeVisible = false
    verdict = nil
  }

  init(_ verdict: StoreError, mayBeVisible: Bool = false) {
    number = 0
    (action, path) = ("", "")
    self.mayBeVisible = mayBeVisible
    self.verdict = verdict
  }

  init(damage: String, of path: String) {
    self.init(
      StoreError(
        .damaged,
        "\(path) \(damage): another program made or changed it; nothing was written; move it away after a look"
      ))
  }

  /// What a store's caller is told, where nothing of the call is visible.
  var storeError: StoreError {
    if let verdict { return verdict }
    return switch number {
    case ENOSPC, EDQUOT, EFBIG:
      StoreError(.full, "\(text); nothing was written; make room in the store's file system")
    case ELOOP, ENOTDIR, EISDIR:
      StoreError(
        .damaged,
        "\(text): a link or folder is in the place of a file, or a file in the place of a folder, so another "
          + "program made it; nothing was written; move it away after a look")
    default:
      StoreError(
        .unavailable, "\(text); nothing was written; look whether the store's file system is well and mounted"
      )
    }
  }
}

/// What tells one version of a file from the next. Who changes a file in place sees to it that it does (``OneByteChange``).
struct FileVersion: Equatable {
  let device: UInt
  let inode: UInt
  let size: Int
  let changedSeconds: Int
  let changedNanoseconds: Int
  let modifiedSeconds: Int
  let mode: UInt32
  let links: UInt

  init(_ status: stat) {
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int(status.st_size)
    changedSeconds = status.st_ctim.tv_sec
    changedNanoseconds = status.st_ctim.tv_nsec
    modifiedSeconds = status.st_mtim.tv_sec
    mode = UInt32(status.st_mode)
    links = UInt(status.st_nlink)
  }

  var isFolder: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
  var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }

  func isSameFile(as other: FileVersion) -> Bool {
    device == other.device && inode == other.inode
  }
}

/// An open file or folder, closed when nobody holds it. Used by one thread.
final class StoreFile {
  let descriptor: Int32
  private let name: String
  private let folder: StoreFile?
  private var isOpen = true

  /// For messages; put together for these alone, since files are opened all the time.
  var path: String { Self.path(name, in: folder) }

  /// Opens `name` in `folder`, or `path` itself where there is no folder; never through a link at its end,
  /// and never waiting for the other end of a pipe that lies in a file's place.
  init(_ name: String, in folder: StoreFile?, flags: Int32) throws(StoreFailure) {
    (self.name, self.folder) = (name, folder)
    let flags = flags | O_CLOEXEC | O_NONBLOCK | (folder == nil ? 0 : O_NOFOLLOW)
    while true {
      let opened = openat(folder?.descriptor ?? AT_FDCWD, name, flags, 0o600)
      if opened >= 0 {
        descriptor = opened
        return
      }
      if errno != EINTR { throw StoreFailure(errno, "open", Self.path(name, in: folder)) }
    }
  }

  private static func path(_ name: String, in folder: StoreFile?) -> String {
    folder.map { $0.path + "/" + name } ?? name
  }

  deinit {
    if isOpen { _ = Glibc.close(descriptor) }
  }

  func version() throws(StoreFailure) -> FileVersion {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw StoreFailure(errno, "look at", path) }
    return FileVersion(status)
  }

  /// The version of `name` in this folder, or nil where there is none. Links aren't followed.
  func version(of name: String) throws(StoreFailure) -> FileVersion? {
    var status = stat()
    if fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return FileVersion(status) }
    if errno == ENOENT { return nil }
    throw StoreFailure(errno, "look at", path + "/" + name)
  }

  /// Everything up to the end, or up to one byte more than `limit`.
  func contents(limit: Int, expecting size: Int) throws(StoreFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var wanted = min(max(size, 0), limit) + 1
    while bytes.count <= limit {
      let missing = wanted
      var failure: Int32 = 0
      let piece = [UInt8](unsafeUninitializedCapacity: missing) { buffer, count in
        var got: Int
        repeat { got = Glibc.read(descriptor, buffer.baseAddress, missing) } while got < 0 && errno == EINTR
        if got < 0 { failure = errno }
        count = max(got, 0)
      }
      if failure != 0 { throw StoreFailure(failure, "read", path) }
      if bytes.isEmpty { bytes = piece } else { bytes += piece }
      // A short read of a regular file is its end.
      if piece.count < missing { break }
      wanted = min(65_536, limit + 1 - bytes.count)
    }
    return bytes
  }

  func write(_ bytes: [UInt8]) throws(StoreFailure) {
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done)
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw StoreFailure(written < 0 ? errno : ENOSPC, "write", path) }
      done += written
    }
  }

  func overwrite(_ byte: UInt8, at offset: Int) throws(StoreFailure) {
    var byte = byte
    while true {
      let count = pwrite(descriptor, &byte, 1, off_t(offset))
      if count == 1 { return }
      if count == 0 || errno != EINTR { throw StoreFailure(count == 0 ? EIO : errno, "write", path) }
    }
  }

  func sync() throws(StoreFailure) {
    while fsync(descriptor) != 0 {
      if errno != EINTR { throw StoreFailure(errno, "make durable", path) }
    }
  }

  /// Closes and says whether that failed: a network file system may report a full disk only here.
  func close() throws(StoreFailure) {
    isOpen = false
    if Glibc.close(descriptor) != 0 && errno != EINTR { throw StoreFailure(errno, "write", path) }
  }

  /// Renames within this folder.
  func rename(_ name: String, to new: String) throws(StoreFailure) {
    guard renameat(descriptor, name, descriptor, new) == 0 else {
      throw StoreFailure(errno, "rename \(name) to", path + "/" + new)
    }
  }

  func remove(_ name: String) throws(StoreFailure) {
    guard unlinkat(descriptor, name, 0) == 0 else {
      throw StoreFailure(errno, "remove", path + "/" + name)
    }
  }

  func makeFolder(_ name: String) throws(StoreFailure) {
    guard mkdirat(descriptor, name, 0o700) == 0 || errno == EEXIST else {
      throw StoreFailure(errno, "make the folder", path + "/" + name)
    }
  }

  /// The names in this folder, with what the file system says of their kind (DT_UNKNOWN where it doesn't).
  func names() throws(StoreFailure) -> [(name: String, kind: Int)] {
    let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard own >= 0 else { throw StoreFailure(errno, "read the folder", path) }
    guard let stream = fdopendir(own) else {
      let failure = StoreFailure(errno, "read the folder", path)
      _ = Glibc.close(own)
      throw failure
    }
    defer { closedir(stream) }
    var names: [(String, Int)] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw StoreFailure(errno, "read the folder", path) }
        return names
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      names.append((name, Int(entry.pointee.d_type)))
    }
  }
}
