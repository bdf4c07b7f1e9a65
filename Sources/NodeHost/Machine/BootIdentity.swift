/// Which boot of which machine this is.
public enum BootIdentity {
  /// The kernel's random identity of this boot (random(4), `/proc/sys/kernel/random/boot_id`): a UUID in lower
  /// case.
  ///
  /// - Throws: ``NodeHostError`` where `/proc` isn't mounted.
  public static func read() throws(NodeHostError) -> String {
    let path = "/proc/sys/kernel/random/boot_id"
    let bytes: [UInt8]?
    do {
      bytes = try contentsOfFile(path)
    } catch {
      throw NodeHostError(error.number, path)
    }
    guard let bytes, bytes.count >= 36 else {
      throw NodeHostError(.absent, "\(path) can't be read; mount /proc")
    }
    return printableText(bytes.prefix(36))
  }
}
