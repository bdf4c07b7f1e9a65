/// A lock that a server's lock manager holds for a client, as far as its kernel tells: where it is, not whose.
public struct ServiceLock: Hashable, Sendable {
  /// Which of the service's file systems, counted from 0 in the order of `storage.mounts`.
  public var mount: Int
  /// The file.
  public var inode: UInt64
  /// Exclusive or shared.
  public var isExclusive: Bool
  /// Its first byte.
  public var start: UInt64
  /// Its last byte; nil reaches to the end of the file.
  public var end: UInt64?

  /// A lock.
  public init(mount: Int, inode: UInt64, isExclusive: Bool, start: UInt64, end: UInt64?) {
    self.mount = mount
    self.inode = inode
    self.isExclusive = isExclusive
    self.start = start
    self.end = end
  }

  /// As ``text`` wrote it; nil where it is something else.
  init?(parsing text: Substring) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 5, let mount = Int(words[0]), mount >= 0, let inode = UInt64(words[1]),
      ["exclusive", "shared"].contains(words[2]), let start = UInt64(words[3])
    else { return nil }
    if words[4] == "end" {
      end = nil
    } else {
      guard let last = UInt64(words[4]), last >= start else { return nil }
      end = last
    }
    (self.mount, self.inode, self.start) = (mount, inode, start)
    isExclusive = words[2] == "exclusive"
  }

  /// `0 131 exclusive 100 199`: file system, file, kind, first and last byte.
  var text: String {
    "\(mount) \(inode) \(isExclusive ? "exclusive" : "shared") \(start) \(end.map(String.init) ?? "end")"
  }
}
