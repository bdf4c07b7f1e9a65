import Glibc

/// Where this process is among the machine's network namespaces.
public enum NetworkNamespaces {
  /// As a service's own are called below `/run/netns`.
  private static let prefix = "lockferry-"

  /// This process is in the one that the kernel's threads are in (process 2, kthreadd), which is the first.
  public static func isInFirst() -> Bool {
    guard let own = link("/proc/self/ns/net") else { return false }
    return own == link("/proc/2/ns/net")
  }

  /// The services that have one of their own here, by name.
  public static func isolatedServices(below folder: String = "/run/netns") -> [String] {
    guard let names = try? OpenDirectory(folder).names() else { return [] }
    return names.map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasPrefix(prefix) }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  private static func link(_ path: String) -> [CChar]? {
    var bytes = [CChar](repeating: 0, count: 128)
    let count = readlink(path, &bytes, bytes.count)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
