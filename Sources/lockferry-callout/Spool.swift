import CalloutProtocol
import Glibc

/// Where the daemon finds later what it could not be told now.
///
/// Files appear whole, by rename. They are not synced: after a power cut nothing in them matters any more, since
/// statd's own record files are what survives, and the daemon reads all of those when it starts.
struct Spool {
  let folder: String

  /// Keeps `request`.
  ///
  /// - Throws: why it could not be kept.
  func keep(_ request: CalloutRequest) throws(Failure) {
    guard let name = CalloutSpoolName.of(request) else { return }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw Failure(text: "\(folder): \(errorText(errno))") }
    defer { close(directory) }
    if faccessat(directory, name, F_OK, 0) != 0, count(in: directory) >= CalloutSpoolName.mostFiles {
      throw Failure(text: "\(folder) holds \(CalloutSpoolName.mostFiles) files already")
    }
    let temporary = CalloutSpoolName.temporaryPrefix + name + "-\(getpid())"
    let file = openat(
      directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(0o600))
    guard file >= 0 else { throw Failure(text: "\(folder): \(errorText(errno))") }
    let bytes = request.bytes
    let written = write(file, bytes, bytes.count)
    let failure = errno
    close(file)
    guard written == bytes.count else {
      unlinkat(directory, temporary, 0)
      // A file system that is nearly full takes a part.
      throw Failure(text: "\(folder): \(errorText(written < 0 ? failure : ENOSPC))")
    }
    guard renameat(directory, temporary, directory, name) == 0 else {
      let failure = errno
      unlinkat(directory, temporary, 0)
      throw Failure(text: "\(folder): \(errorText(failure))")
    }
  }

  /// Why nothing could be kept.
  struct Failure: Error { let text: String }

  private func count(in directory: Int32) -> Int {
    let listed = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard listed >= 0, let stream = fdopendir(listed) else { return 0 }
    defer { closedir(stream) }
    var count = -2  // "." and ".."
    while readdir(stream) != nil { count += 1 }
    return count
  }
}
