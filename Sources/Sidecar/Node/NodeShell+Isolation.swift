import Cluster
import Logging
import NodeHost
import RPCTransport
import StatusMonitor

/// Services that have an NFS server of their own, while they are here.
extension NodeShell {
  /// Where the status monitor that serves `name` keeps its records.
  func statusDirectory(of name: ServiceName) -> StatusDirectory {
    configuration.namespace(of: name).map { StatusDirectory(path: $0.statusDirectory) } ?? directory
  }

  /// What the kernel's server for `name` says of itself.
  func serverFacts(of name: ServiceName) async throws -> NFSServerFacts {
    try await NFSServerFacts.read(for: configuration.namespace(of: name))
  }

  /// An answer for each isolated service, in the node file's order; one that isn't online here is well.
  func askOwnServers() async -> [HealthJudge.Answer] {
    let limit = configuration.health.probes.map(\.timeout).max() ?? .seconds(2)
    let asked = configuration.services.compactMap { service in
      configuration.namespace(of: service).map { (service, $0, isOnline(service.name)) }
    }
    for (service, _, isOnline) in asked where isOnline { restartMissing(service) }
    return await withTaskGroup(of: (Int, HealthJudge.Answer).self) { group in
      for (index, (service, namespace, isOnline)) in asked.enumerated() {
        group.addTask {
          let answer = isOnline ? await Self.ask(service, namespace, within: limit) : nil
          return (
            index,
            answer
              ?? HealthJudge.Answer(
                subject: "\(service.name), which isn't online here", problem: nil, took: .zero)
          )
        }
      }
      var answers: [Int: HealthJudge.Answer] = [:]
      for await (index, answer) in group { answers[index] = answer }
      return asked.indices.compactMap { answers[$0] }
    }
  }

  private static func ask(
    _ service: ServiceConfiguration, _ namespace: ServiceNamespace, within limit: Duration
  ) async -> HealthJudge.Answer {
    let start = BootClock.now
    let address = service.addresses.first ?? "127.0.0.1"
    var problem: String?
    do {
      try await IsolatedProgram.nfs.ask(at: address, in: namespace, within: limit)
    } catch {
      problem = error.message
    }
    return HealthJudge.Answer(
      subject: "nfs of \(service.name) at \(address)", problem: problem, took: BootClock.now - start)
  }

  func isOnline(_ name: ServiceName) -> Bool { whereabouts(of: name) == .online }

  func whereabouts(of name: ServiceName) -> UntoldRestart.Whereabouts {
    instance.whereabouts(
      of: name,
      isBusy: planStatus[name] != nil || busy.contains(name) || withdrawals.contains(name))
  }

  /// A program of the service that has died is started again, under the same records and exports; nfsd and its locks
  /// have not noticed.
  private func restartMissing(_ service: ServiceConfiguration) {
    guard let server = configuration.server(of: service), restarting.insert(service.name).inserted else {
      return
    }
    jobs.start {
      do {
        for program in try await OwnThread.run("lf-isolated", { try server.missing() })
        where await self.isOnline(service.name) {
          self.log.error(
            "a program of an isolated service has ended; it is started again",
            metadata: ["service": "\(service.name)", "program": "\(program.name)"])
          try await server.start(program)
        }
      } catch {
        self.log.error(
          "an isolated service lacks a program",
          metadata: ["service": "\(service.name)", "error": "\(error)"])
      }
      await self.endRestarting(service.name)
    }
  }

  private func endRestarting(_ name: ServiceName) { restarting.remove(name) }
}
