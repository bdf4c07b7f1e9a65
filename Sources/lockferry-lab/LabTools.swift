import Foundation
import Glibc
import HostTestKit

/// Programs of the lab: what must be installed on this machine, and what is only unpacked for the guests.
enum LabTools {
  /// `scripts/install-dependencies` installs their packages.
  private static let programs = [
    "qemu-system-x86_64": "qemu-system-x86", "modprobe": "kmod", "mkfs.ext4": "e2fsprogs", "xz": "xz-utils",
    "zstd": "zstd", "curl": "curl", "apt-get": "apt", "dbus-daemon": "dbus-daemon", "dbus-send": "dbus-bin",
  ]

  /// Why this machine can't run the lab; nil when it can.
  static var unavailableBecause: String? {
    #if !arch(x86_64)
      return "the lab's kernels are for amd64"
    #else
      if let obstacle = HostTestKit.unavailableBecause { return obstacle }
      let tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC)
      guard tun >= 0 else { return "/dev/net/tun: \(String(cString: strerror(errno)))" }
      close(tun)
      let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".split(separator: ":")
      let missing = programs.filter { program, _ in
        !path.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
      }
      guard missing.isEmpty else {
        return "missing: \(missing.keys.sorted().joined(separator: ", ")); run scripts/install-dependencies "
          + "(packages \(missing.values.sorted().joined(separator: ", ")))"
      }
      return nil
    #endif
  }

  /// Packages of this machine's Debian, with what they need and this machine lacks, unpacked below the cache folder and
  /// not installed: this machine is to get no NFS server, no cluster file system and no other busybox.
  static func unpack(_ packages: [String], as name: String, cache: String) async throws -> String {
    let folder = "\(cache)/\(name)"
    if FileManager.default.fileExists(atPath: folder) { return folder }
    say("Fetching \(packages.joined(separator: ", ")) …")
    try await Shell.run("scripts/unpack-packages \"$@\"", [folder] + packages)
    return folder
  }
}
