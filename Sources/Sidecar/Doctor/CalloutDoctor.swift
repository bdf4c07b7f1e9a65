import CalloutProtocol
import Cluster
import Glibc
import NodeHost

/// Looks whether rpc.statd's callout works: configured, executable for statd's user, answered; or whether
/// `lockferry statd`, which needs none, asks the daemon.
public struct CalloutDoctor: Sendable {
  /// A callout gives up by its own limit, 30 s at most, before this.
  private static let limit = Duration.seconds(40)
  private static let program = "lockferry-callout"

  private let configuration: NodeConfiguration
  private let nfsConf: String

  /// A look at the node with this file.
  public init(configuration: NodeConfiguration, nfsConf: String) {
    self.configuration = configuration
    self.nfsConf = nfsConf
  }

  /// Looks, and runs the callout's `ping` as statd's user.
  public func examine() async -> DoctorReport {
    let (nfsConf, status) = (nfsConf, configuration.statusDirectory)
    let statd = try? await OwnThread.run("lf-doctor") { StatusMonitorProcess.find() }
    if let statd, statd.isLockferry { return report(on: statd) }
    let configured: String?
    let path: String
    do {
      configured = try await OwnThread.run("lf-doctor") {
        try StatusMonitorProcess.configuredCallout(nfsConf: nfsConf)
      }
      path = try StatusDirectoryLocation.discover(configured: status, nfsConf: nfsConf)
    } catch {
      return report(.init("callout-configured", .failed, "\(error)", remedy: "make \(nfsConf) readable"))
    }
    // What a running statd was told on its command line wins over its file.
    guard let callout = statd?.callout ?? configured else {
      return report(
        .init(
          "callout-configured", .failed,
          "rpc.statd has no callout: records are seen only after locks are granted",
          remedy:
            "write ha-callout=/usr/local/sbin/\(Self.program) under [statd] in \(nfsConf), restart rpc-statd")
      )
    }
    if let configured, configured.split(separator: "/").last.map(String.init) != Self.program {
      return report(foreign(configured))
    }
    guard callout.split(separator: "/").last.map(String.init) == Self.program else {
      return report(foreign(callout))
    }
    let found = DoctorReport.Check("callout-configured", .ok, callout)
    guard geteuid() == 0 else { return report(found, skipping: "only root can run it as statd's user") }
    guard
      let owner = try? await OwnThread.run(
        "lf-doctor", { try StatusDirectory(path: path).statusMonitorUser() })
    else {
      return report(
        found,
        skipping: "\(path)/sm is not there, so nobody knows as whom rpc.statd runs: see lockferry status")
    }
    return DoctorReport(
      checks: [found] + (await run(callout, as: owner)) + [runDirectory(of: statd)])
  }

  private func report(on statd: StatusMonitorProcess) -> DoctorReport {
    let shown = "lockferry statd (process \(statd.process))"
    let isTold = statd.nodeFile != nil || access(NodeFile.defaultPath, F_OK) == 0
    let first: DoctorReport.Check =
      isTold
      ? .init("callout-configured", .ok, "\(shown) asks the daemon itself and needs no callout")
      : .init(
        "callout-configured", .failed, "\(shown) was started without a node file and asks no daemon",
        remedy: "start it with --config, or put the node file at \(NodeFile.defaultPath)")
    return DoctorReport(
      checks: [first]
        + Self.others.map { .init($0, .skipped, "\(shown) runs in the place of rpc.statd") })
  }

  private static let others = ["callout-executable", "callout-answered", "callout-run-directory"]

  private func foreign(_ callout: String) -> DoctorReport.Check {
    .init(
      "callout-configured", .failed, "rpc.statd calls \(callout), which is not \(Self.program)",
      remedy: "rpc.statd has one callout: let it be \(Self.program), and do the rest elsewhere")
  }

  private func report(_ first: DoctorReport.Check, skipping reason: String? = nil) -> DoctorReport {
    let because = reason ?? "no callout to look at"
    return DoctorReport(
      checks: [first]
        + Self.others.map {
          .init($0, .skipped, because, remedy: reason == nil ? nil : "run lockferry doctor as root")
        })
  }

  private func run(_ callout: String, as owner: (user: UInt32, group: UInt32)) async -> [DoctorReport.Check] {
    // As rpc.statd runs it: its user, its group, no capability.
    let user = [
      "/usr/bin/setpriv", "--reuid=\(owner.user)", "--regid=\(owner.group)", "--clear-groups",
      "--bounding-set=-all", "--inh-caps=-all",
    ]
    let executable = await HostCommand.run(user + ["/usr/bin/test", "-x", callout], within: Self.limit)
    guard executable.succeeded else {
      return [
        .init(
          "callout-executable", .failed, "user \(owner.user), as which rpc.statd runs, can't run \(callout)",
          remedy: "chmod 0755 \(callout), and let every folder above it be passed (chmod o+x)"),
        .init("callout-answered", .skipped, "it can't be run"),
      ]
    }
    let began = BootClock.now
    let answer = await HostCommand.run(
      user + [callout, "ping"], environment: [CalloutPlaces.variable: configuration.runDirectory],
      within: Self.limit)
    let milliseconds = (BootClock.now - began).wholeMilliseconds
    let runs = DoctorReport.Check("callout-executable", .ok, "user \(owner.user) can run it")
    guard answer.succeeded else {
      let words = answer.output.split(separator: "\n").last.map(String.init) ?? answer.description
      return [
        runs,
        .init(
          "callout-answered", .failed, words.printable,
          remedy: "is the daemon running? lockferry status says whether it hears callouts"),
      ]
    }
    return [
      runs,
      .init("callout-answered", .ok, "the daemon answered user \(owner.user) within \(milliseconds) ms"),
    ]
  }

  /// The callout knows no node file: another run directory than the usual one must be in statd's environment.
  private func runDirectory(of statd: StatusMonitorProcess?) -> DoctorReport.Check {
    let name = "callout-run-directory"
    guard let statd else {
      return .init(
        name, .skipped, "rpc.statd does not run here", remedy: "systemctl start rpc-statd, then look again")
    }
    let told = statd.environment[CalloutPlaces.variable] ?? CalloutPlaces.defaultRunDirectory
    guard told == configuration.runDirectory else {
      return .init(
        name, .failed, "rpc.statd (process \(statd.process)) has its callout look in \(told)",
        remedy: "put \(CalloutPlaces.variable)=\(configuration.runDirectory) into rpc.statd's environment "
          + "(systemctl edit rpc-statd) and restart it")
    }
    return .init(name, .ok, "rpc.statd has its callout look in \(told)")
  }
}
