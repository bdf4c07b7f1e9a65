import Cluster
import Glibc
import NodeHost

extension ServiceConfiguration {
  /// What this node knows of itself that matters where the service is isolated; nil where it isn't.
  func isolationFacts() async -> IsolationFacts? {
    guard let isolation, case .interface(let addresses) = address else { return nil }
    var facts = IsolationFacts(
      hasKernelServer: ServiceServer.hasKernelServer(modules: "/lib/modules/" + KernelRelease.read()),
      hasExportsFile: access("/etc/exports", F_OK) == 0,
      missingInterfaces: Set(addresses.map(\.interface)).filter { if_nametoindex($0) == 0 }.sorted())
    do {
      _ = try ServiceServer.programs()
    } catch {
      facts.programProblem = "\(error)"
    }
    do {
      _ = try await isolation.exportLines()
    } catch {
      facts.exportsProblem = "\(error)"
    }
    return facts
  }
}
