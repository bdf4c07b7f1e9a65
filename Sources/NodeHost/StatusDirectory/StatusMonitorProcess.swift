import Glibc

/// How rpc.statd, or `lockferry statd` in its place, is set up on this machine, as far as records for the store go.
public struct StatusMonitorProcess: Sendable, Equatable {
  /// The process.
  public let process: Int32
  /// Its command line, the program first, by its absolute path where this process may know it.
  public let arguments: [String]
  /// It is `lockferry statd`.
  public let isLockferry: Bool
  /// rpc.statd's `-H` or `--ha-callout` on its command line; nil where it has neither.
  public let callout: String?
  /// `--config` of `lockferry statd`; nil where it was left out.
  public let nodeFile: String?
  /// Its environment, where this process may read it.
  public let environment: [String: String]

  /// The status monitor that runs on this machine; nil where none does. Of several, as in other network namespaces, the one
  /// that is in this process's.
  public static func find() -> StatusMonitorProcess? {
    guard let proc = try? OpenDirectory("/proc"), let names = try? proc.names() else { return nil }
    let here = link("/proc/self/ns/net")
    for name in names {
      guard let process = Int32(String(decoding: name, as: UTF8.self)),
        let arguments = strings("/proc/\(process)/cmdline"), let isLockferry = isLockferry(arguments),
        link("/proc/\(process)/ns/net") == here
      else { continue }
      var environment: [String: String] = [:]
      for entry in strings("/proc/\(process)/environ") ?? [] {
        let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
      }
      let options = Array(arguments.dropFirst())
      return StatusMonitorProcess(
        process: process, arguments: [Self.program(of: process) ?? arguments[0]] + options,
        isLockferry: isLockferry,
        callout: isLockferry ? nil : value(of: ["-H", "--ha-callout"], in: options),
        nodeFile: isLockferry ? value(of: ["--config"], in: options) : nil, environment: environment)
    }
    return nil
  }

  /// Nil where it is no status monitor.
  static func isLockferry(_ arguments: [String]) -> Bool? {
    switch arguments.first?.split(separator: "/").last {
    case "rpc.statd": false
    case "lockferry" where arguments.dropFirst().first == "statd": true
    default: nil
    }
  }

  /// `ha-callout` under `[statd]` of nfs.conf and its fragments; nil where there is none.
  ///
  /// - Throws: ``NodeHostError`` where nfs.conf can't be read.
  public static func configuredCallout(nfsConf: String) throws(NodeHostError) -> String? {
    try NFSConfiguration(path: nfsConf, root: "").value("ha-callout", in: "statd")
  }

  /// The value of an option, as getopt_long(3) reads it.
  static func value(of options: [String], in arguments: [String]) -> String? {
    for (index, argument) in arguments.enumerated() {
      for option in options {
        if argument == option { return index + 1 < arguments.count ? arguments[index + 1] : nil }
        let glued = option.hasPrefix("--") ? option + "=" : option
        if argument.hasPrefix(glued) { return String(argument.dropFirst(glued.count)) }
      }
    }
    return nil
  }

  private static func strings(_ path: String) -> [String]? {
    guard let bytes = try? contentsOfFile(path) else { return nil }
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func program(of process: Int32) -> String? {
    guard let bytes = link("/proc/\(process)/exe") else { return nil }
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func link(_ path: String) -> [CChar]? {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &bytes, bytes.count)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
