import Glibc
public import StatusMonitor

/// What the `state` file holds.
public enum StateFileReading: Sendable, Equatable {
  /// A number that may be told to clients, or may have been.
  case number(StateNumber)
  /// No such file: statd or sm-notify starts with 1.
  case absent
  /// A file without a number, and why: empty (as Debian 13 creates it), short, long, not positive, not a file.
  case unreadable(reason: String)
}

extension StatusDirectory {
  /// Reads the state number.
  ///
  /// - Throws: ``NodeHostError`` where the file can't be read.
  public func stateNumber() throws(NodeHostError) -> StateFileReading {
    switch try stateFileContent() {
    case .absent: return .absent
    case .refused(let reason): return .unreadable(reason: reason)
    case .bytes(let bytes, _):
      if let number = StateNumber(fileBytes: bytes) { return .number(number) }
      switch bytes.count {
      case 0: return .unreadable(reason: "empty: statd hasn't written a number yet")
      case 4: return .unreadable(reason: "a number that isn't positive")
      default:
        return .unreadable(reason: "\(bytes.count) bytes\(bytes.count > 4 ? " or more" : "") instead of 4")
      }
    }
  }

  /// Writes `number` unless the file holds it or a greater one: whole or not at all, and on the disk when this
  /// returns.
  ///
  /// A file with more than 4 bytes counts by its first 4, which is what statd reads (`nsm_get_state`). Owner and
  /// mode are kept; a new file gets the owner of `sm/` and mode 0644.
  ///
  /// - Throws: ``NodeHostError`` where the file can't be read or written, or is a symbolic link or the like.
  public func raiseState(to number: StateNumber) throws(NodeHostError) {
    let mode: mode_t
    let owner: FileOwner
    switch try stateFileContent() {
    case .bytes(let bytes, let status):
      if let present = StateNumber(fileBytes: Array(bytes.prefix(4))), present >= number { return }
      mode = status.st_mode & 0o777
      owner = FileOwner(status)
    case .absent:
      mode = 0o644
      owner = FileOwner(try open(.records).status())
    case .refused(let reason):
      throw NodeHostError(.conflict, "\(stateFile): \(reason); remove it, statd makes a new one")
    }
    try DurableFile.replace(
      "state", in: try OpenDirectory(path), with: number.fileBytes, mode: mode, owner: owner,
      likeDirectory: true)
  }

  private enum StateFileContent {
    case bytes([UInt8], stat)
    case absent
    case refused(reason: String)
  }

  private func stateFileContent() throws(NodeHostError) -> StateFileContent {
    let directory: OpenDirectory
    do {
      directory = try OpenDirectory(path)
    } catch {
      if error.code == .absent { return .absent }
      throw error
    }
    do throws(SystemError) {
      guard let found = try directory.status(of: "state") else { return .absent }
      guard found.st_mode & S_IFMT == S_IFREG else { return .refused(reason: "not a regular file") }
      let number = openat(
        directory.descriptor.number, "state", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
      guard number >= 0 else { throw SystemError(number: errno) }
      let file = Descriptor(owning: number)
      let status = try file.status()
      guard status.st_mode & S_IFMT == S_IFREG else { return .refused(reason: "not a regular file") }
      return .bytes(try file.read(limit: 4).get(), status)
    } catch {
      throw NodeHostError(error.number, stateFile)
    }
  }
}
