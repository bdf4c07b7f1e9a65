import Cluster
import Glibc
import NodeHost

extension NodeConfiguration {
  /// What this node knows of itself that matters where the service is isolated; nil where it isn't.
  func isolationFacts(of service: ServiceConfiguration) async -> IsolationFacts? {
    guard let isolation = service.isolation, let server = server(of: service),
      case .interface(let addresses) = service.address
    else { return nil }
    let interfaces = Set(addresses.map(\.interface))
    var facts: IsolationFacts
    do {
      facts = try await OwnThread.run("lf-facts") { IsolationFacts.read(server, interfaces) }
    } catch {
      facts = IsolationFacts(programProblem: "what this node has can't be looked at: \(error)")
    }
    do {
      _ = try await isolation.exportLines()
    } catch {
      facts.exportsProblem = "\(error)"
    }
    return facts
  }
}

extension IsolationFacts {
  /// What the machine has. Blocks on its disk.
  fileprivate static func read(_ server: ServiceServer, _ interfaces: Set<String>) -> IsolationFacts {
    var facts = IsolationFacts(
      hasKernelServer: ServiceServer.hasKernelServer(modules: "/lib/modules/" + KernelRelease.read()),
      hasExportsFile: access("/etc/exports", F_OK) == 0,
      missingInterfaces: interfaces.filter { if_nametoindex($0) == 0 }.sorted())
    do {
      _ = try server.programPaths()
    } catch {
      facts.programProblem = "\(error)"
    }
    return facts
  }
}
