/// A line of exports(5) with the option `mountpoint` or `mp`: it holds only while something is mounted there, as the disk
/// of a service is on its owner alone.
///
/// exportfs tries each export out when it is asked for all of them, and ends with an error where one can't be made, though
/// the others are (utils/exportfs/exportfs.c, `validate_export`). Of these that is no error.
struct ConditionalExport: Equatable {
  /// What is exported.
  let path: String
  /// What has to be mounted for it.
  let mountPoint: String

  /// Those in the text of an exports file.
  static func all(in text: String) -> [ConditionalExport] {
    var lines: [String] = []
    var continues = false
    for line in text.split(separator: "\n") {
      let part = line.hasSuffix("\\") ? line.dropLast() : line
      if continues { lines[lines.count - 1] += " " + part } else { lines.append(String(part)) }
      continues = line.hasSuffix("\\")
    }
    return lines.compactMap { line in
      guard let paths = try? ExportLines(line).paths, let path = paths.first else { return nil }
      let options = line.prefix { $0 != "#" }.split { " \t,()".contains($0) }.dropFirst().map {
        $0.drop { $0 == "-" }
      }
      for option in options {
        let parts = option.split(separator: "=", maxSplits: 1)
        guard let name = parts.first, ["mountpoint", "mp"].contains(name) else { continue }
        return ConditionalExport(path: path, mountPoint: parts.count == 2 ? String(parts[1]) : path)
      }
      return nil
    }
  }

  /// Whether exports that do not hold now can be all that `exportfs -a` failed by. Ended otherwise than by its own error
  /// it may have made no export at all, and of a long list only the end is known.
  static func mayExplain(_ outcome: CommandOutcome) -> Bool {
    outcome.status == .exited(1) && (1..<16_000).contains(outcome.output.utf8.count)
  }

  /// The lines of what exportfs said that are about something else than exports of which `isMounted` says that they do not
  /// hold now.
  static func serious(
    _ said: String, exports: [ConditionalExport], isMounted: (String) -> Bool
  ) -> [String] {
    let absent = exports.filter { !isMounted($0.mountPoint) }.map(\.path)
    return said.split(separator: "\n").map(String.init).filter { line in
      // exportfs: /srv/work does not support NFS export
      // exportfs: Failed to stat /srv/work: No such file or directory
      let words = line.split(separator: " ").map { $0.hasSuffix(":") ? $0.dropLast() : $0 }
      return !absent.contains { path in words.contains { $0 == path } }
    }
  }
}
