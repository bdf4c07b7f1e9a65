import Cluster
import Logging
import NodeHost

/// The addresses of a service that comes here.
extension PlanRunner {
  /// Before anything is touched for a service whose owner did not release it: a machine that answers for its address has
  /// not stopped, whatever a fence says, and would go on writing to what is attached next.
  func expectAddressesFree() async throws {
    guard plan.kind == .adoption, plan.formerMayServe == true else { return }
    // What stands of an earlier attempt here may have the address.
    if let namespace = context.namespace, try await OwnThread.run("lf-isolated", { namespace.stands() }) {
      return
    }
    // One question, from the node itself: before the address is taken all are asked.
    try await service.addressLinks(in: nil)?.expectFree(probing: context.addressing.probing.once)
  }

  func takeAddress() async throws -> String {
    if let addresses = try service.addressLinks(in: context.namespace) { return try await take(addresses) }
    guard case .command(let address, let take, _) = service.address else { return "no address" }
    try await command(take, "address")
    return "\(address) by \(take.arguments.joined(separator: " "))"
  }

  private func take(_ addresses: ServiceAddresses) async throws -> String {
    let taken = try await addresses.take(probing: context.addressing.probing)
    if let gateway = service.isolation?.gateway { try await context.namespace?.route(to: gateway) }
    try await addresses.announce()
    // A switch or neighbour may lose the first: the others go out while clients are already being told.
    let (log, announcing, name) = (context.log, context.addressing.announcing, service.name)
    context.jobs.start {
      for error in await addresses.announceAgain(announcing) {
        if error.code == .duplicate {
          log.critical(
            "two machines have a service's address", metadata: ["service": "\(name)", "error": "\(error)"])
        } else {
          log.warning(
            "an announcement was not repeated", metadata: ["service": "\(name)", "error": "\(error)"])
        }
      }
    }
    let place = context.namespace.map { " in \($0.name)" } ?? ""
    return "\(addresses.text)\(place), \(Self.text(taken)), announced"
  }

  private static func text(_ taken: [ServiceAddressLink.Taking]) -> String {
    if taken.allSatisfy({ $0 == .wasHere }) { return "there already" }
    if taken.contains(.unasked) {
      return "without asking others for \(taken.count == 1 ? "it" : "all of them")"
    }
    return "nobody else has \(taken.count == 1 ? "it" : "them")"
  }

  func verify(_ addresses: ServiceAddresses) async throws -> String {
    let here = try await addresses.present().map(\.address)
    if let gone = addresses.links.first(where: { !here.contains($0.address) }) {
      throw PlanError("\(gone.address) is not on \(gone.interface) any more; who took it away?")
    }
    return addresses.text
  }
}
