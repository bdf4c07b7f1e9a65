import CLinux
import Glibc
public import StatusMonitor

/// The right to be the one status monitor of ours on a status directory; held as long as this value lives.
public final class StatusDirectoryLock: Sendable {
  private let directory: Descriptor

  init(_ directory: consuming Descriptor) { self.directory = directory }

  deinit { lfh_unlock(directory.number) }
}

extension StatusDirectory {
  /// Takes the lock without waiting. rpc.statd knows nothing of it. It is on `sm.bak/`, since the lock on `sm/` says
  /// that somebody is writing there; the folder above could be locked by any user.
  ///
  /// - Throws: ``NodeHostError``: `held` where another status monitor of ours has it; no `sm.bak/`.
  public func lock() throws(NodeHostError) -> StatusDirectoryLock {
    let descriptor = try Descriptor.open(retired, O_RDONLY | O_DIRECTORY)
    let failure = lfh_lock(descriptor.number)
    if failure == -EWOULDBLOCK {
      throw NodeHostError(.held, "\(path): a lockferry statd works there already; stop it first")
    }
    guard failure == 0 else { throw NodeHostError(-failure, retired) }
    return StatusDirectoryLock(descriptor)
  }

  /// The host's own state number as rpc.statd would start with it (`nsm_get_state`): an even one is told as the odd one
  /// that follows, and where there is none the file is made with 3. To be called as root.
  ///
  /// - Throws: ``NodeHostError`` where the file can't be read or written.
  public func establishedState() throws(NodeHostError) -> StateNumber {
    if case .number(let number) = try stateNumber() { return StatusDirectory.told(number) }
    guard let first = StateNumber(3) else { preconditionFailure("3 is a state number") }
    try raiseState(to: first)
    return first
  }

  /// What is told of a number that a file holds.
  public static func told(_ number: StateNumber) -> StateNumber {
    number.value.isMultiple(of: 2) ? StateNumber.next(above: [number]) ?? number : number
  }

  /// Tells the kernel's lock manager the number, for the locks that this host holds elsewhere; does nothing where it
  /// isn't loaded.
  public static func tellKernel(_ number: StateNumber) {
    guard let file = try? Descriptor.open("/proc/sys/fs/nfs/nsm_local_state", O_WRONLY) else { return }
    _ = file.write(Array("\(number)".utf8))
  }

  /// Becomes the owner of `sm/` for good, as rpc.statd does: whoever breaks in from the network gets that user, without
  /// a single capability. To be called by the thread that starts the others.
  ///
  /// - Returns: what an operator should know, nil where all is well.
  /// - Throws: ``NodeHostError``: no `sm/`, or neither root nor its owner.
  public func becomeOwner() throws(NodeHostError) -> String? {
    let owner = FileOwner(try open(.records).status())
    guard geteuid() == 0 else {
      guard geteuid() == owner.user else {
        throw NodeHostError(
          .denied, "\(records) belongs to user \(owner.user) and this is user \(geteuid()); start it as root")
      }
      return nil
    }
    let failure = lfs_become(owner.user, owner.group)
    guard failure == 0 else {
      throw NodeHostError(-failure, "can't become user \(owner.user), the owner of \(records)")
    }
    return owner.user == 0
      ? "\(records) belongs to root, so the status monitor stays root; chown it to statd's user" : nil
  }
}
