import Cluster
import Logging
import StatusMonitor

/// What an adoption owes the clients of this node's own NFS server.
extension PlanRunner {
  /// What restarts the NFS server, or its lock manager, takes their locks with it.
  private var touchesOwnClients: Bool {
    plan.kind == .adoption && service.restartsOwnServer && service.tellsOwnClients
  }

  /// Whoever is a client of this node, and not of the service, is told what concerns him or nothing: NFS-Ganesha takes
  /// nothing from him.
  private var knowsOwnClients: Bool { touchesOwnClients || plan.kind == .adoption && service.usesGanesha }

  /// Before the service's records join the live directory, and again before the server is restarted.
  func rememberOwnClients() async throws {
    guard knowsOwnClients else { return }
    try await context.ownClients.remember(
      service.name, epoch: epoch, isAlone: await context.otherNames(service.name).isEmpty
    ) { try await storedRecords() }
  }

  /// Another number before another restart, where anybody may have been told this one already: of a restart by this
  /// adoption that was not journaled, or by that of another service which chose its number when this one did. The NSM
  /// specification has clients ignore a number that they know.
  func renewStateNumber(_ journal: inout PlanJournal) async throws {
    guard touchesOwnClients else { return }
    var mayBeKnown = try await context.ownClients.wereTold(service.name, epoch: epoch)
    if await !context.otherNames(service.name).isEmpty { mayBeKnown = true }
    if mayBeKnown { _ = try await chooseStateNumber(&journal) }
    guard let number = journal.number else { return }
    try await context.raiseOthers(service.name, number)
  }

  /// The service's clients, without this node's own whom the mirror has carried to the store since.
  func clientsToTell() async throws -> [ClientName: [UInt8]] {
    let records = try await storedRecords()
    guard knowsOwnClients else { return records }
    let strangers = try await context.ownClients.strangers(to: service.name, epoch: epoch)
    return records.filter { !strangers.contains($0.key) }
  }

  /// Begins to tell them; what keeps them from being told must not keep the service's clients waiting.
  func tellOwnClients(_ number: StateNumber, graceLeft: Duration?, patience: Duration) async
    -> String
  {
    guard touchesOwnClients else { return "" }
    let assignment = NotificationAssignment(
      service: service.name, epoch: epoch, number: number, teller: .builtIn, names: [], addresses: [],
      retry: service.notification.retry, graceLeft: graceLeft, gracePeriod: context.gracePeriod)
    do {
      let others = await namesToTell(number)
      guard
        let (all, told) = try await context.ownClients.tell(assignment, others: others, patience: patience)
      else { return "" }
      return "; \(told) of \(all) clients of this node's own NFS server told \(number)"
        + (told < all ? ", the others are told again" : "")
    } catch {
      context.log.error(
        "clients of this node's own NFS server may not know that it was restarted",
        metadata: ["service": "\(service.name)", "error": "\(error)"])
      return "; the clients of this node's own NFS server are not all told that it was restarted: \(error)"
    }
  }

  /// The names of the services besides this one that this node's NFS server serves, if the store knows that their clients
  /// are told `number`.
  private func namesToTell(_ number: StateNumber) async -> [String] {
    let others = await context.otherNames(service.name)
    guard !others.isEmpty else { return [] }
    do {
      try await context.raiseOthers(service.name, number)
      return others
    } catch {
      context.log.error(
        "clients of other services are not told that this node's NFS server was restarted",
        metadata: ["service": "\(service.name)", "error": "\(error)"])
      return []
    }
  }

  /// A daemon that starts again goes on telling them; what keeps it from that must not keep the service waiting.
  func goOnTellingOwnClients(_ number: StateNumber) async -> Int {
    guard service.restartsOwnServer, service.tellsOwnClients else { return 0 }
    let assignment = NotificationAssignment(
      service: service.name, epoch: epoch, number: number, teller: .builtIn, names: [], addresses: [],
      retry: service.notification.retry, graceLeft: nil, gracePeriod: context.gracePeriod)
    do {
      let others = await context.otherNames(service.name)
      return try await context.ownClients.goOn(assignment, others: others)?.left ?? 0
    } catch {
      context.log.error(
        "clients of this node's own NFS server that had not answered are not told again",
        metadata: ["service": "\(service.name)", "error": "\(error)"])
      return 0
    }
  }
}
