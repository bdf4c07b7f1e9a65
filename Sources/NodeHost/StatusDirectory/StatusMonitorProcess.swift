import Glibc

/// How rpc.statd is set up on this machine, as far as its callout goes.
public struct StatusMonitorProcess: Sendable, Equatable {
  /// The process.
  public let process: Int32
  /// `-H` or `--ha-callout` of its command line; nil where it has neither.
  public let callout: String?
  /// Its environment, where this process may read it.
  public let environment: [String: String]

  /// The rpc.statd that runs on this machine; nil where none does. Of several, as in other network namespaces, the one
  /// that is in this process's.
  public static func find() -> StatusMonitorProcess? {
    guard let proc = try? OpenDirectory("/proc"), let names = try? proc.names() else { return nil }
    let here = link("/proc/self/ns/net")
    for name in names {
      guard let process = Int32(String(decoding: name, as: UTF8.self)),
        let arguments = strings("/proc/\(process)/cmdline"), let program = arguments.first,
        program.split(separator: "/").last == "rpc.statd", link("/proc/\(process)/ns/net") == here
      else { continue }
      var environment: [String: String] = [:]
      for entry in strings("/proc/\(process)/environ") ?? [] {
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
      }
      return StatusMonitorProcess(
        process: process, callout: callout(in: Array(arguments.dropFirst())), environment: environment)
    }
    return nil
  }

  /// `ha-callout` under `[statd]` of nfs.conf and its fragments; nil where there is none.
  ///
  /// - Throws: ``NodeHostError`` where nfs.conf can't be read.
  public static func configuredCallout(nfsConf: String) throws(NodeHostError) -> String? {
    try NFSConfiguration(path: nfsConf, root: "").value("ha-callout", in: "statd")
  }

  /// As getopt_long(3) reads them.
  static func callout(in arguments: [String]) -> String? {
    for (index, argument) in arguments.enumerated() {
      for option in ["-H", "--ha-callout"] {
        if argument == option { return index + 1 < arguments.count ? arguments[index + 1] : nil }
        let glued = option == "-H" ? option : option + "="
        if argument.hasPrefix(glued) { return String(argument.dropFirst(glued.count)) }
      }
    }
    return nil
  }

  private static func strings(_ path: String) -> [String]? {
    guard let bytes = try? contentsOfFile(path) else { return nil }
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func link(_ path: String) -> [CChar]? {
    var bytes = [CChar](repeating: 0, count: 128)
    let count = readlink(path, &bytes, bytes.count)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
