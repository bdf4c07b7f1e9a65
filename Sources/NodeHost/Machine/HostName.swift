import Glibc

/// What this machine calls itself.
public enum HostName {
  /// As gethostname(2) says, at most 64 bytes; nil where it is empty.
  public static func read() -> String? {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
    let name = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return name.isEmpty ? nil : printableText(name)
  }
}
