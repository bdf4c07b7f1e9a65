import Glibc
import StatusMonitor

/// What changes about a file when its content does, as far as the file system tells, in as few bytes as will do: there
/// is one for every record. Valid within this process.
struct FileSignature: Hashable, Sendable {
  private let digest: Int

  init(_ status: stat) {
    var hasher = Hasher()
    hasher.combine(status.st_dev)
    hasher.combine(status.st_ino)
    hasher.combine(status.st_size)
    hasher.combine(status.st_mtim.tv_sec)
    hasher.combine(status.st_mtim.tv_nsec)
    hasher.combine(status.st_ctim.tv_sec)
    hasher.combine(status.st_ctim.tv_nsec)
    digest = hasher.finalize()
  }

  /// Whether a change after `now` of a file with this status would be seen in its signature.
  ///
  /// File times advance in steps (a timer tick, on some file systems 2 s): two writes of the same length within one
  /// step look alike, so a file that changed just now is read again next time.
  static func isSettled(_ status: stat, at now: timespec) -> Bool {
    status.st_ctim.tv_sec + 3 <= now.tv_sec
  }
}

/// One file of `sm/`, under the name of a client.
struct RecordFile: Sendable {
  /// How often a file that changes while it is read is read again.
  static let attempts = 5

  let client: ClientName

  /// What reading it gave.
  enum Reading: Sendable {
    /// The whole file, and its signature where a later change would show in it.
    case read([UInt8], settled: FileSignature?)
    case absent
    case refused(reason: String)
  }

  /// Reads the file without ever following a link, waiting for a writer, or opening a device.
  func read(in directory: borrowing OpenDirectory) -> Reading {
    for attempt in 1...Self.attempts {
      if attempt > 1 { usleep(2000) }
      do throws(SystemError) {
        guard let status = try directory.status(of: client.text) else { return .absent }
        if let reason = Self.objection(to: status) { return .refused(reason: reason) }
        if let reading = try readOnce(in: directory) { return reading }
      } catch {
        // A file that went away, or was swapped for a symbolic link, since lstat: look again.
        if error.number != ENOENT, error.number != ELOOP, error.number != ENXIO {
          return .refused(reason: "can't be read: \(systemErrorText(error.number))")
        }
      }
    }
    return .refused(reason: "changes while it is read, \(Self.attempts) times in a row")
  }

  /// The bytes of the file, also of one that a crash left empty; `.some(nil)` where there is none, nil where what is there
  /// can't be read.
  func content(in directory: borrowing OpenDirectory) -> [UInt8]?? {
    switch read(in: directory) {
    case .read(let bytes, _): return .some(bytes)
    case .absent: return .some(nil)
    case .refused:
      guard let status = try? directory.status(of: client.text), status.st_mode & S_IFMT == S_IFREG,
        status.st_size == 0
      else { return nil }
      return .some([])
    }
  }

  /// Nil where the file changed meanwhile.
  private func readOnce(in directory: borrowing OpenDirectory) throws(SystemError) -> Reading? {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    // O_NONBLOCK: a fifo put in its place since lstat must not hold us up.
    let number = openat(
      directory.descriptor.number, client.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError(number: errno) }
    let file = Descriptor(owning: number)
    let before = try file.status()
    if let reason = Self.objection(to: before) { return .refused(reason: reason) }
    let bytes = try file.read(
      limit: MonitorRecord.maximumBytes, expecting: Int(before.st_size)
    ).get()
    let signature = FileSignature(before)
    guard FileSignature(try file.status()) == signature, bytes.count == Int(before.st_size) else {
      return nil
    }
    return .read(bytes, settled: FileSignature.isSettled(before, at: now) ? signature : nil)
  }

  /// Why a file can't be a record, judged by its inode alone.
  static func objection(to status: stat) -> String? {
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFLNK: return "a symbolic link; statd skips it"
    case S_IFDIR: return "a directory"
    case S_IFIFO: return "a named pipe"
    default: return "not a regular file"
    }
    if status.st_size > MonitorRecord.maximumBytes {
      return "\(status.st_size) bytes; a record has at most \(MonitorRecord.maximumBytes)"
    }
    if status.st_size == 0 { return "empty: statd is about to write it, or a crash cut it short" }
    return nil
  }
}
