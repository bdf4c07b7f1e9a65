/// The names under which files of ours come into being: `.NAME.lockferry`, which rpc.statd and sm-notify skip
/// because they are hidden (nfs-utils, `nsm_load_dir`).
enum TemporaryName {
  private static let suffix = ".lockferry"

  /// The temporary name of `name`, always the same; at most 255 bytes (NAME_MAX).
  static func of(_ name: String) -> String {
    let plain = "." + name + suffix
    guard plain.utf8.count > 255 else { return plain }
    // Long names differ at the end too; a hash (FNV-1a) keeps them apart.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "." + String(decoding: name.utf8.prefix(220), as: UTF8.self) + "-" + String(hash, radix: 16)
      + suffix
  }

  /// Whether a directory entry is one of them.
  static func matches(_ name: some BidirectionalCollection<UInt8>) -> Bool {
    name.first == UInt8(ascii: ".") && name.count > suffix.utf8.count
      && name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }
}
