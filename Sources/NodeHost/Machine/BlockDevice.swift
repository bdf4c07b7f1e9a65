import Glibc

/// A disk, or a part of one, that a file system is on.
public struct BlockDevice: Sendable {
  /// Its device node.
  public let path: String
  private let number: DeviceNumber

  /// Nil where the file system has no device of its own.
  public init?(_ number: DeviceNumber) {
    guard
      let text = try? KernelTable.text("/sys/dev/block/\(number.major):\(number.minor)/uevent"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("DEVNAME=") })
    else { return nil }
    path = "/dev/" + line.dropFirst("DEVNAME=".count)
    self.number = number
  }

  /// Whether this process sees it mounted.
  ///
  /// - Throws: ``NodeHostError`` where there is no mount table.
  public func isMountedHere() throws(NodeHostError) -> Bool {
    try MountTable.read().entries.contains { $0.device == number }
  }

  /// Whether a file system has claimed it, seen by this process or not: then nobody else may (open(2), O_EXCL).
  public func isInUse() -> Bool {
    let file = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)
    if file >= 0 { close(file) }
    return file < 0 && errno == EBUSY
  }

  /// Waits until nothing that this process does not see has one of them: the kernel lets go of a disk a moment after its
  /// last mount, and what is left then is a mount of another namespace, or one that was detached with a file open.
  ///
  /// - Throws: ``NodeHostError`` where one is still in use after `limit`.
  public static func expectUnused(_ devices: [BlockDevice], within limit: Duration) async throws {
    let start = BootClock.now
    for device in devices {
      while try await OwnThread.run("lf-disk", { try !device.isMountedHere() && device.isInUse() }) {
        guard BootClock.now - start < limit else {
          throw NodeHostError(
            .failed, "\(device.path) is unmounted, but the kernel still uses it: what has a file open there?")
        }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }
}
