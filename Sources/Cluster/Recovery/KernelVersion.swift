/// A version of Linux, as far as it tells what the lock manager does.
public struct KernelVersion: Sendable, Equatable, Comparable {
  /// Major number.
  public var major: Int
  /// Minor number.
  public var minor: Int

  /// `major.minor`
  public init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

  /// As `uname -r` prints it, `6.1.0-28-amd64`; nil where it begins otherwise.
  public init?(release: String) {
    let parts = release.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count > 1, let major = Int(parts[0]), major >= 0,
      let minor = Int(parts[1].prefix { ("0"..."9").contains($0) })
    else { return nil }
    self.init(major, minor)
  }

  /// Older first.
  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// `6.1`
  public var text: String { "\(major).\(minor)" }

  /// From this one on the last nfsd to stop has every record of its clients removed ("lockd: purge resources held on
  /// behalf of nlm clients when shutting down").
  static let purgesRecords = KernelVersion(6, 4)
  /// From this one on lockd takes no signal ("lockd: remove SIGKILL handling", 8db14cad28ae).
  static let takesNoSignal = KernelVersion(6, 6)
}
