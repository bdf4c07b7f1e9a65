import Glibc

/// systemd, as far as it runs this machine.
enum Systemd {
  /// It does (sd_booted(3)).
  static func runsThisMachine(root: String = "") -> Bool {
    access(root + "/run/systemd/system", F_OK) == 0
  }

  /// It does, and has this unit (systemd.unit(5), the paths of the system manager).
  static func knows(_ unit: String, root: String = "") -> Bool {
    guard runsThisMachine(root: root) else { return false }
    return ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].contains {
      access("\(root)\($0)/systemd/system/\(unit)", F_OK) == 0
    }
  }

  /// Whether a process belongs to this unit, by the name of its control group.
  static func runs(_ process: Int32, as unit: String, proc: String = "/proc") -> Bool {
    guard let bytes = try? contentsOfFile("\(proc)/\(process)/cgroup", limit: 1 << 16) else { return false }
    // HIERARCHY:CONTROLLERS:PATH, see cgroups(7).
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
      line.split(separator: ":", maxSplits: 2).last?.split(separator: "/").contains { $0 == unit } ?? false
    }
  }

  /// The call of systemctl(1) that does `verb` to `units`.
  ///
  /// - Throws: ``NodeHostError`` (`absent`) where there is no such program.
  static func call(_ verb: String, _ units: String...) throws(NodeHostError) -> [String] {
    [try HostPrograms.find("systemctl", package: "systemd"), verb] + units
  }
}
