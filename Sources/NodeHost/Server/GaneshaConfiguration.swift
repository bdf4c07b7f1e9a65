/// What NFS-Ganesha's configuration says of its grace periods, which nobody can ask Ganesha itself.
public struct GaneshaConfiguration: Sendable, Equatable {
  private static let usualPath = "/etc/ganesha/ganesha.conf"
  /// `GRACE_PERIOD_DEFAULT`, `src/include/gsh_config.h`
  private static let usualGracePeriod = Duration.seconds(90)
  private static let largestFile = 1 << 20

  /// Its file.
  public let path: String
  /// `Grace_Period`. Default 90 s.
  public let gracePeriod: Duration
  /// `Graceless`. Default false.
  public let isGraceless: Bool

  /// Reads the file with which a process was started.
  ///
  /// - Returns: nil where it can't be known: the process is no Ganesha that this one sees, its file can't be read, or names
  ///   other files.
  static func read(ofProcess process: Int32) -> GaneshaConfiguration? {
    guard let bytes = try? contentsOfFile("/proc/\(process)/cmdline") else { return nil }
    let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    guard arguments.first?.split(separator: "/").last == "ganesha.nfsd" else { return nil }
    let path = StatusMonitorProcess.value(of: ["-f"], in: Array(arguments.dropFirst())) ?? usualPath
    // Its own root: it may see other mounts.
    guard path.hasPrefix("/"),
      let text = try? contentsOfFile("/proc/\(process)/root\(path)", limit: largestFile)
    else { return nil }
    return GaneshaConfiguration(path: path, parsing: String(decoding: text, as: UTF8.self))
  }

  /// Two words of the whole file, which no other block of Ganesha's configuration has (`src/config_parsing/conf_lex.l`: a
  /// comment begins with #, and words are compared without regard to case); nil where `%include`, `%dir` or `%url` name more.
  init?(path: String, parsing text: String) {
    var words: [Substring] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let code = line.prefix { $0 != "#" }
      if code.drop(while: { $0 == " " || $0 == "\t" }).first == "%" { return nil }
      words += code.split { " \t\r\u{c},;{}=".contains($0) }
    }
    func value(_ name: String) -> String? {
      let place = words.lastIndex { $0.lowercased() == name }
      return place.flatMap { $0 + 1 < words.count ? words[$0 + 1].lowercased() : nil }
    }
    self.path = path
    gracePeriod =
      value("grace_period").flatMap { Int64($0) }.map { Duration.seconds($0) } ?? Self.usualGracePeriod
    isGraceless = ["true", "yes", "on"].contains(value("graceless") ?? "false")
  }
}
