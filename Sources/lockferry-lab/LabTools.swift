import Foundation
import HostTestKit

/// Programs of the lab: what must be installed on this machine, and what is only unpacked for the guests.
enum LabTools {
  private static let packages = [
    "qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
    "xz": "xz-utils", "zstd": "zstd", "curl": "curl", "rpc.statd": "nfs-common", "rpcbind": "rpcbind",
    "ip": "iproute2",
  ]

  /// Why this machine can't run the lab, whatever is installed; nil when it can.
  static var unavailableBecause: String? {
    guard geteuid() == 0 else { return "the lab needs root" }
    guard FileManager.default.fileExists(atPath: "/dev/net/tun") else {
      return "no /dev/net/tun on this machine"
    }
    #if !arch(x86_64)
      return "the lab's kernels are for amd64"
    #else
      return nil
    #endif
  }

  /// Installs what is missing. A file at `/usr/sbin/policy-rc.d` keeps Debian from starting what it installs: none of
  /// these packages but rpcbind would anyway.
  static func install() async throws {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".split(separator: ":")
    let missing = Set(
      packages.filter { program, _ in
        !path.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
      }.values)
    guard !missing.isEmpty else { return }
    say("Installing \(missing.sorted().joined(separator: ", ")) …")
    try await Shell.run(
      """
      apt-get -qq install -y --no-install-recommends "$@" < /dev/null ||
          { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; }
      """, missing.sorted(), within: .seconds(600))
  }

  /// rpc.nfsd, rpc.mountd and exportfs, unpacked and not installed: this machine is to get no NFS server.
  static func unpackServerTools(cache: String) async throws -> String {
    let folder = cache + "/nfs-kernel-server"
    if FileManager.default.isExecutableFile(atPath: folder + "/usr/sbin/rpc.nfsd") { return folder }
    try await Shell.run(
      """
      mkdir -p "$1/packages" && cd "$1/packages" && rm -f nfs-kernel-server_*.deb
      apt-get -qq -o APT::Sandbox::User=root download nfs-kernel-server ||
          { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download nfs-kernel-server; }
      dpkg -x nfs-kernel-server_*.deb "$2"
      """, [cache, folder])
    return folder
  }
}
