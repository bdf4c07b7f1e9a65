import CLinux
import Glibc

/// A directory held open, so that everything that follows happens in this one, whatever its path names later.
struct OpenDirectory: ~Copyable {
  let descriptor: Descriptor
  let path: String

  /// Opens `path`, which may be a symbolic link: it is the operator's.
  init(_ path: String) throws(NodeHostError) {
    self.descriptor = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
    self.path = path
  }

  /// Opens `name` in `folder`, which may belong to a user that isn't trusted: a symbolic link is followed only where
  /// root or our own user made it. Else statd's user, once it is broken into from the network, could have root
  /// write wherever a link of its points (compare CVE-2019-3689).
  init(trusted name: String, in folder: String) throws(NodeHostError) {
    let path = folder + "/" + name
    var maker: uid_t = 0
    let number = lfh_open_trusted_directory(folder, name, &maker)
    guard number >= 0 else {
      if number == -ELOOP, maker != 0 {
        throw NodeHostError(
          .conflict,
          "\(path) is a symbolic link made by user \(maker), which isn't followed; "
            + "if it is meant, chown -h root \(path)")
      }
      throw NodeHostError(-number, path)
    }
    self.descriptor = Descriptor(owning: number)
    self.path = path
  }

  /// Who owns the directory, and which one it is.
  func status() throws(NodeHostError) -> stat {
    do {
      return try descriptor.status()
    } catch {
      throw NodeHostError(error.number, path)
    }
  }

  /// Every name in the directory but `.` and `..`, as bytes, in the kernel's order.
  ///
  /// - Throws: ``NodeHostError`` also where the listing breaks off: a short list would look like departures.
  func names() throws(NodeHostError) -> DirectoryNames {
    let number = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw NodeHostError(errno, path) }
    guard let stream = fdopendir(number) else {
      let failure = errno
      close(number)
      throw NodeHostError(failure, path)
    }
    defer { closedir(stream) }
    var names = DirectoryNames()
    guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return names }
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw NodeHostError(errno, path) }
        return names
      }
      let start = UnsafeRawPointer(entry) + offset
      let length = strlen(start.assumingMemoryBound(to: CChar.self))
      let name = UnsafeRawBufferPointer(start: start, count: length)
      if !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) { names.append(name) }
    }
  }

  /// lstat(2) of a name in the directory; nil where it isn't there.
  func status(of name: String) throws(SystemError) -> stat? {
    var status = stat()
    // A String given as it is would be copied first, and there are thousands of names.
    guard name.withCString({ fstatat(descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      if errno == ENOENT { return nil }
      throw SystemError(number: errno)
    }
    return status
  }

  /// Writes a new file; nothing is left of it where that fails.
  ///
  /// What a killed process of ours left under the same name is removed first. With `flush` the content
  /// is on the disk when this returns.
  ///
  /// - Parameter likeDirectory: with the SELinux context of the directory, where it has one.
  func create(
    _ name: String, _ bytes: [UInt8], mode: mode_t, owner: FileOwner?, likeDirectory: Bool = false,
    flush: Bool
  ) throws(NodeHostError) {
    unlinkat(descriptor.number, name, 0)
    let number = openat(
      descriptor.number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(0o600))
    guard number >= 0 else { throw NodeHostError(errno, path + "/" + name) }
    let file = Descriptor(owning: number)
    do throws(NodeHostError) {
      if let owner, fchown(number, owner.user, owner.group) != 0 {
        throw NodeHostError(
          errno, "can't give \(path)/\(name) to user \(owner.user), group \(owner.group)",
          remedy: "run lockferry as root")
      }
      // After fchown, which may take bits away; not subject to the umask.
      guard fchmod(number, mode) == 0 else { throw NodeHostError(errno, path + "/" + name) }
      if likeDirectory {
        let copied = lfh_copy_security_context(descriptor.number, number)
        if copied < 0 { throw NodeHostError(-copied, "can't set the SELinux context of \(path)/\(name)") }
      }
      if let failure = file.write(bytes) { throw NodeHostError(failure, path + "/" + name) }
      if flush, fsync(number) != 0 { throw NodeHostError(errno, path + "/" + name) }
    } catch {
      unlinkat(descriptor.number, name, 0)
      throw error
    }
  }

  /// Keeps other programs of ours that ask for the same from writing here, until ``unlock()``. Only who may read the
  /// directory can hold it: for `sm/`, root and statd's user.
  ///
  /// - Throws: ``NodeHostError``: `held` where another one does not let go of it within the limit.
  func lock(within limit: Duration) throws(NodeHostError) {
    let end = BootClock.now + limit
    while true {
      let failure = lfh_lock(descriptor.number)
      if failure == 0 { return }
      guard failure == -EWOULDBLOCK else { throw NodeHostError(-failure, path) }
      guard BootClock.now < end else {
        throw NodeHostError(
          .held,
          "another program of lockferry has been writing into \(path) for \(limit); is it stopped? "
            + "see fuser -v \(path)")
      }
      usleep(500)
    }
  }

  /// Not left to the closing of the descriptor: a child that is just being started has it, too, until its exec.
  func unlock() { lfh_unlock(descriptor.number) }

  /// Renames within the directory, over whatever is there.
  func rename(_ old: String, to new: String) throws(NodeHostError) {
    guard renameat(descriptor.number, old, descriptor.number, new) == 0 else {
      throw NodeHostError(errno, "\(path)/\(old), renamed to \(new)")
    }
  }

  /// Puts the directory's entries on the disk.
  func sync() throws(NodeHostError) {
    guard fsync(descriptor.number) == 0 else { throw NodeHostError(errno, path) }
  }

  /// Removes a file if it is there.
  func remove(_ name: String) {
    unlinkat(descriptor.number, name, 0)
  }
}

/// The names in a directory, in one piece of memory: there may be very many.
struct DirectoryNames: Sequence {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  mutating func append(_ name: UnsafeRawBufferPointer) {
    bytes += name
    ends.append(bytes.count)
  }

  func makeIterator() -> some IteratorProtocol<ArraySlice<UInt8>> {
    ends.indices.lazy.map { bytes[($0 == 0 ? 0 : ends[$0 - 1])..<ends[$0]] }.makeIterator()
  }
}

/// Owner and group of a file.
struct FileOwner: Sendable, Equatable {
  let user: uid_t
  let group: gid_t

  init(user: uid_t, group: gid_t) {
    self.user = user
    self.group = group
  }

  init(_ status: stat) {
    self.init(user: status.st_uid, group: status.st_gid)
  }
}
