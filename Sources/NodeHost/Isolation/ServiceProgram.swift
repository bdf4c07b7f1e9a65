import Glibc

/// A program of an isolated service that stays in the background.
public struct ServiceProgram: Sendable, Equatable {
  /// What the kernel calls its processes: `comm`, at most 15 bytes.
  public let name: String
  /// What to install where it is missing; nil: it is what this process runs.
  let package: String?
  let arguments: [String]

  static let nfsPackage = "nfs-kernel-server (nfs-utils on Red Hat)"
  static let statusDirectory = "/var/lib/nfs"

  /// The service's own port table. Warm start: after the death of an rpcbind the next one knows what the kernel had
  /// registered.
  public static let portMapper = ServiceProgram(name: "rpcbind", package: "rpcbind", arguments: ["-w"])

  /// Keeps the records of NFSv4's clients. Where there is no NFSv4 it keeps nfsd from holding a grace period of that, in
  /// which no new lock of NFSv3 would be granted either.
  static func recoveryDaemon(_ version4: ServiceVersion4?) -> ServiceProgram {
    ServiceProgram(
      name: "nfsdcld", package: nfsPackage,
      arguments: [
        "-p", ServiceNamespace.pipes, "-s", version4?.clientRecords ?? statusDirectory + "/nfsdcld",
      ])
  }

  /// Answers the kernel's questions about exports, and clients that mount.
  public static let mountDaemon = ServiceProgram(name: "rpc.mountd", package: nfsPackage, arguments: [])

  /// Keeps the records of the service's clients.
  public static func statusMonitor(_ kind: ServiceStatusMonitor) -> ServiceProgram {
    switch kind {
    case .rpcStatd:
      ServiceProgram(
        name: "rpc.statd", package: "nfs-common (nfs-utils on Red Hat)",
        arguments: ["--no-notify", "--state-directory-path", statusDirectory])
    case .lockferry(let runDirectory, let limit, let refuses):
      ServiceProgram(
        name: "lockferry-statd", package: nil,
        arguments: [
          "statd", "--background", "--state-directory", statusDirectory, "--run-directory", runDirectory,
          "--callout-limit", "\(limit.wholeNanoseconds / 1_000_000)ms", "--when-not-mirrored",
          refuses ? "refuse" : "grant",
        ])
    }
  }

  /// Whether a process of the service is a status monitor, of whatever kind, or about to become one.
  static func isStatusMonitor(_ name: String) -> Bool {
    ["rpc.statd", "lockferry-statd", "lockferry"].contains(name)
  }

  /// Where it is on this machine.
  ///
  /// - Throws: ``NodeHostError`` (`absent`) that says what to install.
  func path() throws(NodeHostError) -> String {
    guard let package else { return try OwnProgram.path() }
    return try HostPrograms.find(name, package: package)
  }
}

/// Who keeps the records of an isolated service's clients.
public enum ServiceStatusMonitor: Sendable, Equatable {
  /// rpc.statd of nfs-utils.
  case rpcStatd
  /// `lockferry statd`. It asks the daemon with this run directory to keep records in the store, waits for each no longer
  /// than `limit`, and `refuses` the lock of a client whose record isn't there by then.
  case lockferry(runDirectory: String, limit: Duration, refuses: Bool)
}
