import Foundation
import Glibc

/// Hosts of a private network on this one machine, for the demo and the host tests: what the programs see is a
/// machine of their own with real rpcbind, rpc.statd and sm-notify; what the machine sees is a few namespaces
/// that vanish with the process that made them.
public enum HostTestKit {
  /// The programs that hosts run, and the Debian package of each.
  static let neededPrograms = [
    "rpcbind": "rpcbind", "rpc.statd": "nfs-common", "sm-notify": "nfs-common", "rpcinfo": "rpcbind",
    "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "ip": "iproute2",
    "tc": "iproute2", "bash": "bash",
  ]

  /// Where Debian keeps programs for root, whatever the caller's PATH says.
  static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// Why hosts can't be made here, and what to do; nil when they can.
  public static let unavailableBecause: String? = findObstacle()

  /// The user that rpc.statd runs as; nil where this machine has none. Asked for once: every answer of getpwnam(3) stands
  /// in the same place.
  public static let statdUser: UInt32? = getpwnam("statd")?.pointee.pw_uid

  private static func findObstacle() -> String? {
    guard geteuid() == 0 else {
      return "network and mount namespaces need root; run as root (or with sudo)"
    }
    let missing = neededPrograms.filter { path(of: $0.key) == nil }
    guard missing.isEmpty else {
      return "missing: \(missing.keys.sorted().joined(separator: ", ")); "
        + "run scripts/install-dependencies (packages \(Set(missing.values).sorted().joined(separator: ", ")))"
    }
    let probe = Process()
    probe.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    probe.arguments = ["unshare"] + TestHost.namespaces + ["true"]
    let errors = Pipe()
    probe.standardError = errors
    probe.standardOutput = FileHandle.nullDevice
    do { try probe.run() } catch { return "can't run unshare: \(error)" }
    let words = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    probe.waitUntilExit()
    guard probe.terminationStatus == 0 else {
      return "no namespaces can be made here (a container without CAP_SYS_ADMIN?): "
        + words.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    return nil
  }

  private static func path(of program: String) -> String? {
    searchPath.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }

  /// The path of a program of this package, built beside the one that runs now (the demo or the test bundle).
  public static func builtProgram(_ name: String) throws(HostTestError) -> String {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let arguments = [executable] + CommandLine.arguments
    for argument in arguments {
      let candidate = URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent(name)
        .path
      if access(candidate, X_OK) == 0 { return candidate }
    }
    throw HostTestError("\(name) is not built beside \(executable); run: swift build --product \(name)")
  }

  /// What programs in hosts get as their environment, besides what is added for one.
  static let environment: [String: String] = {
    var environment = ["PATH": searchPath, "HOME": "/root", "LC_ALL": "C.UTF-8"]
    // A Swift program built with a toolchain elsewhere finds its run-time library this way.
    for name in ["LD_LIBRARY_PATH", "SWIFT_BACKTRACE"] {
      environment[name] = ProcessInfo.processInfo.environment[name]
    }
    return environment
  }()
}
