import Foundation
import HostTestKit

/// Where the guests stand: a network namespace with a bridge and one cable each, and the folder of their disks, logs
/// and commands. All of it is gone with ``withTestNetwork(_:)``, which also ends QEMU.
struct Rack: Sendable {
  /// The namespaces in which QEMU runs.
  let host: TestHost
  let kernel: KernelPackage
  let initramfs: String
  /// `lab/guest` of the repository.
  let scripts: String
  /// Disks and consoles.
  let folder: String
  /// lockd's grace period in the guests, in seconds.
  let graceSeconds: Int
  let recovery: Setting.Recovery
  /// What the node files define.
  let services: [Service]

  /// Guests see it as `/lab`.
  var share: String { folder + "/share" }

  /// What the node file says: the lab cuts the peer's power.
  private static let powerFence = "{command: [@SCRIPTS@/fence.sh, @PEER@, @SERVICE@], timeout: 30s}"
  static let bridge = "lab0"

  /// The image of the disk that both servers see.
  func disk(of service: Service) -> String { "\(folder)/\(service.name)-service.disk" }

  static func tap(_ number: Int) -> String { "tap\(number)" }

  /// Makes network and folder.
  static func build(
    in network: TestNetwork, kernel: KernelPackage, place: LabPlace, folder: String, setting: Setting,
    byHand: Bool
  ) async throws -> Rack {
    let host = try await network.addHost("rack")
    let rack = Rack(
      host: host, kernel: kernel, initramfs: folder + "/initramfs", scripts: place.scripts, folder: folder,
      graceSeconds: byHand ? 60 : setting.graceSeconds, recovery: setting.recovery,
      services: setting.services)
    try network.makeFolder(rack.share + "/fence")
    try await kernel.makeInitramfs(at: rack.initramfs, place)
    try await host.run([
      "ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0",
    ])
    .orThrow()
    try await host.run(["ip", "link", "set", bridge, "up"]).orThrow()
    let services = setting.services
    // What the unpacked programs need and the lab machine lacks; then where its Swift is.
    let libraries =
      ["/usr/lib", "/lib"].map { "/host\(place.tools)\($0)/x86_64-linux-gnu:" }.joined()
      + (ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? "")
    let settings = """
      lab_scripts=/host\(place.scripts)
      lab_programs=/host\(place.programs)
      lab_tools=/host\(place.tools)
      lab_modules=/host\(kernel.modules)
      lab_services='\(services.enumerated().map { $1.line($0) }.joined(separator: "\n"))'
      lab_service_name=\(services[0].hostName)
      lab_service_address=\(services[0].address)
      lab_store=10.88.0.1
      lab_by_hand=\(byHand)
      lab_grace=\(rack.graceSeconds)
      lab_fence='\(setting.isFenced ? powerFence : "none")'
      lab_recovery='\(setting.recovery.text(setting))'
      lab_exports=\(![.restart, .isolated, .ganesha].contains(setting.recovery))
      lab_isolated=\(setting.recovery == .isolated)
      lab_watchdog=\(setting.hasWatchdog)
      lab_systemd=\(setting.isUnderSystemd)
      lab_status_monitor=\(setting.statusMonitor.rawValue)
      lab_shares_disk=\(setting.sharesDisk)
      lab_cluster_tools=/host\(place.clusterTools ?? "")
      lab_ganesha=\(setting.recovery == .ganesha ? "/host\(place.ganesha ?? "")" : "")
      export LD_LIBRARY_PATH=\(libraries)

      """
    try settings.write(toFile: rack.share + "/settings", atomically: true, encoding: .utf8)
    try """
    127.0.0.1 localhost
    10.88.0.1 store.lab.test store
    \(services.map { "\($0.address) \($0.hostName)" }.joined(separator: "\n"))
    10.88.0.11 a.lab.test a
    10.88.0.12 b.lab.test b
    10.88.0.21 holder.lab.test holder
    10.88.0.22 asker.lab.test asker

    """.write(toFile: rack.share + "/hosts", atomically: true, encoding: .utf8)
    if setting.sharesDisk {
      try await Shell.run(makeClusterFileSystem, [rack.disk(of: .home), place.clusterTools ?? ""])
    } else {
      for service in services {
        try await Shell.run("truncate -s 256M \"$1\" && mkfs.ext4 -q -F \"$1\"", [rack.disk(of: service)])
      }
    }
    return rack
  }

  private static let makeClusterFileSystem = """
    truncate -s 512M "$1"
    libraries=$(find "$2" -name '*.so.*' -printf '%h\\n' | sort -u | paste -sd :)
    LD_LIBRARY_PATH=$libraries "$(find "$2" -name mkfs.ocfs2)" -q -F -N 2 -L home --cluster-stack=o2cb \\
        --cluster-name=lab -J size=4M "$1"
    """

  /// Makes a guest, switched off, with an empty disk and a cable.
  func add(_ name: String, _ role: Guest.Role, number: Int) async throws -> Guest {
    try await Shell.run(
      "mkdir -p \"$1\" && truncate -s 128M \"$2\" && mkfs.ext4 -q -F \"$2\"",
      [share + "/" + name, "\(folder)/\(name).disk"])
    let tap = Self.tap(number)
    try await host.run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"]).orThrow()
    try await host.run(["ip", "link", "set", tap, "master", Self.bridge, "up"]).orThrow()
    return Guest(name: name, role: role, number: number, rack: self)
  }
}

/// What the lab found on this machine.
struct LabPlace: Sendable {
  /// `lab/guest`.
  var scripts: String
  /// The folder of `lockferry` and `lab-locks`.
  var programs: String
  /// rpc.nfsd and its like, and a static busybox, unpacked.
  var tools: String
  /// mkfs.ocfs2 and its like, unpacked, where a scenario needs them.
  var clusterTools: String?
  /// NFS-Ganesha, unpacked, where a scenario needs it.
  var ganesha: String?
  /// `.build/lab`.
  var cache: String
}
