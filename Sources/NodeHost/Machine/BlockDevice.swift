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
}
