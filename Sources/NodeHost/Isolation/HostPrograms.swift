import Glibc

/// Where this machine's programs are.
enum HostPrograms {
  private static let folders = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]

  /// The absolute path of a program: from `PATH`, then from where system programs are.
  ///
  /// - Parameter package: what to install where it is missing.
  /// - Throws: ``NodeHostError`` (`absent`).
  static func find(_ name: String, package: String) throws(NodeHostError) -> String {
    let configured = getenv("PATH").map { String(cString: $0).split(separator: ":").map(String.init) } ?? []
    for folder in configured.filter({ $0.hasPrefix("/") }) + folders
    where access("\(folder)/\(name)", X_OK) == 0 {
      return "\(folder)/\(name)"
    }
    throw NodeHostError(.absent, "there is no \(name) on this machine; install \(package)")
  }

  /// Where a path leads to through links; the path itself where it leads nowhere.
  static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}
