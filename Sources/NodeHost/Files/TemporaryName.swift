/// The names under which files of ours come into being: `.NAME.lockferry`, or `.NAME.lockferry-statd` from our status
/// monitor. rpc.statd and sm-notify skip them because they are hidden (nfs-utils, `nsm_load_dir`).
///
/// Two programs of ours write into `sm/` at the same time, and each removes what it left behind itself only.
enum TemporaryName {
  /// Who writes.
  enum Writer: String, CaseIterable {
    case daemon = ".lockferry"
    case statusMonitor = ".lockferry-statd"
  }

  /// The temporary name of `name`, always the same; at most 255 bytes (NAME_MAX).
  static func of(_ name: String, by writer: Writer = .daemon) -> String {
    let plain = "." + name + writer.rawValue
    guard plain.utf8.count > 255 else { return plain }
    // Long names differ at the end too; a hash (FNV-1a) keeps them apart.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "." + String(decoding: name.utf8.prefix(220), as: UTF8.self) + "-" + String(hash, radix: 16)
      + writer.rawValue
  }

  /// Whether a directory entry is one of them.
  static func matches(_ name: some BidirectionalCollection<UInt8>) -> Bool {
    Writer.allCases.contains { matches(name, by: $0) }
  }

  /// Whether a directory entry is one of this writer's.
  static func matches(_ name: some BidirectionalCollection<UInt8>, by writer: Writer) -> Bool {
    let suffix = writer.rawValue.utf8
    return name.first == UInt8(ascii: ".") && name.count > suffix.count
      && name.suffix(suffix.count).elementsEqual(suffix)
  }
}
