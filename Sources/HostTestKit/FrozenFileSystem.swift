import Foundation
import Glibc

/// A shared disk that can be made to hang: an ext4 image that several hosts have mounted.
///
/// While it is frozen (`fsfreeze(8)`), every process that writes to it sleeps in the kernel and can't even be
/// killed: what a shared disk or an NFS server that has gone away does to its users. Freezing survives neither
/// the body it is for nor the process that runs the test.
public struct SharedDisk: Sendable {
  /// Where every host has it mounted.
  public let path: String
  private let network: TestNetwork
  private let host: TestHost

  /// Why there can be none on this machine; nil when there can.
  public static var unavailableBecause: String? {
    access("/dev/loop-control", R_OK | W_OK) == 0 ? nil : "no loop devices on this machine"
  }

  /// Makes a disk and mounts it at `path` on every host. What is mounted goes with the hosts.
  public init(on hosts: [TestHost], in network: TestNetwork, at path: String) async throws {
    guard let first = hosts.first else { throw HostTestError("a disk needs a host") }
    self.path = path
    self.network = network
    host = first
    let image = network.folder + "/disk.image"
    try network.makeFolder(path)
    try await first.run(["truncate", "-s", "256M", image]).orThrow()
    try await first.run(["mkfs.ext4", "-q", image]).orThrow()
    // The kernel frees the loop device with the last mount of it.
    try await first.run(["mount", "-o", "loop", image, path]).orThrow()
    let device = try await first.run(["findmnt", "--noheadings", "--output", "SOURCE", path]).orThrow().output
      .trimmingCharacters(in: .whitespacesAndNewlines)
    for host in hosts.dropFirst() { try await host.run(["mount", device, path]).orThrow() }
  }

  /// Runs `body` while the disk hangs.
  public func whileFrozen<Result>(_ body: () async throws -> Result) async throws -> Result {
    guard let process = host.firstProcessID else { throw HostTestError("\(host.name) is off") }
    let log = open(
      network.logPath(host: host.name, program: "freeze", "err"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(log) }
    let frozen = network.folder + "/frozen"
    unlink(frozen)
    // Outside of the host's process namespace: it must outlive what can't be killed while the disk is frozen.
    let script = "fsfreeze --freeze \"$1\" && echo > \"$2\"; read -r _; fsfreeze --unfreeze \"$1\""
    let (freezer, cord) = try withPowerCord { (cord, end) throws(HostTestError) in
      (
        try ChildProcess(
          [
            "nsenter", "--target", "\(process)", "--mount", "--", "bash", "-c", script, "freeze", path,
            frozen,
          ],
          environment: HostTestKit.environment, input: end, output: log, errors: log), cord
      )
    }
    func thaw() async {
      close(cord)
      while freezer.end == nil { await pauseThroughCancellation(for: .milliseconds(5)) }
    }
    do {
      try await eventually("the disk is frozen") {
        if let end = freezer.end { throw HostTestError("fsfreeze: \(end)") }
        return FileManager.default.fileExists(atPath: frozen)
      }
      let result = try await body()
      await thaw()
      return result
    } catch {
      await thaw()
      throw error
    }
  }
}
