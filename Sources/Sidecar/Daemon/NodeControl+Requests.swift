import Cluster
import Foundation
import SharedStore

/// Requests: into the queue, and how far they are.
extension NodeControl {
  func ask(_ body: RequestBody) async throws(ControlError) -> RequestStatus {
    let service = try name(body.service)
    let request = try Self.request(body)
    let queued = try await read({ () throws(StoreError) in try ClusterKeys.requests(service) })
    await daemon.shell.sawRequests(of: service, queued)
    if let refusal = await daemon.shell.whyNotAsk(request, of: service) { throw refusal }
    if body.dryRun { return try await forecast(request, of: service) }
    try await enqueue(request, for: service)
    return RequestStatus(
      id: request.id, service: service.text, action: request.action.word, state: "pending", steps: [])
  }

  func request(id: String) async throws(ControlError) -> RequestStatus {
    for name in try names(nil) {
      let queue = try await read({ () throws(StoreError) in try ClusterKeys.requests(name) })
        .flatMap(RequestQueue.init(bytes:))
      if let request = queue?.requests.first(where: { $0.id == id }) {
        return try await underWay(request, of: name)
      }
      let entries = try await history(service: name.text).filter { $0.request == id }
      guard let last = entries.last else { continue }
      let missed = last.untold.map(\.client)
      let more = last.untoldCount > missed.count ? " and \(last.untoldCount - missed.count) more" : ""
      return RequestStatus(
        id: id, service: name.text, action: nil,
        state: ["done", "cancelled"].contains(last.outcome) ? last.outcome : "failed",
        steps: entries.flatMap(Self.steps),
        problem: last.problem
          ?? (missed.isEmpty ? nil : "not told yet: \(missed.joined(separator: ", "))\(more)"),
        recovery: last.recovery, recoveryEntry: last.recovery == nil ? nil : last.number)
    }
    throw ControlError(.noSuchObject, "no request \(id) is under way or in the history")
  }

  func cancel(service: String, _ body: CancelRequest) async throws(ControlError) -> RequestStatus {
    let name = try name(service)
    try Self.checkReason(body.actor, body.because)
    let reason = body.because.map { ": \($0)" } ?? ""
    let refusal: ControlError?
    do {
      refusal = try await daemon.shell.cancel(
        body.id, of: name, because: "cancelled by \(body.actor)\(reason)")
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
    if let refusal { throw refusal }
    return try await request(id: body.id)
  }

  // MARK: - Parts

  private static func request(_ body: RequestBody) throws(ControlError) -> ServiceRequest {
    let action: ServiceRequest.Action
    switch (body.action, body.to) {
    case ("migrate", let to?):
      guard let target = NodeName(to) else {
        throw ControlError(.badRequest, "\(to) can't be a node's name")
      }
      action = .migrate(to: target)
    case ("migrate", nil): throw ControlError(.badRequest, "a migration needs a node to go to")
    case ("failback", _): action = .failback
    case ("open", _): action = .open
    case ("online", _): action = .online
    case ("offline", _): action = .offline
    case ("close", _): action = .close(forgets: body.forget)
    default: throw ControlError(.badRequest, "nobody knows how to \(body.action)".printable)
    }
    try checkReason(body.actor, body.because)
    return ServiceRequest(
      id: UUID().uuidString.lowercased(), action, isForced: body.force, fenceConfirmed: body.fenceConfirmed,
      actor: body.actor, because: body.because ?? "", askedAt: WallClock.now)
  }

  /// It has to fit into a value that every node reads.
  static func checkReason(_ actor: String, _ because: String?) throws(ControlError) {
    guard actor.utf8.count + (because?.utf8.count ?? 0) <= 2000 else {
      throw ControlError(.badRequest, "the reason is too long: at most 2000 bytes")
    }
  }

  private func underWay(
    _ request: ServiceRequest, of name: ServiceName
  ) async throws(ControlError) -> RequestStatus {
    var steps: [RequestStatus.PlannedStep] = []
    for entry in try await history(service: name.text) where entry.request == request.id {
      steps += Self.steps(entry)
    }
    var state = "pending"
    if let bytes = try await read({ () throws(StoreError) in try ClusterKeys.plan(name) }),
      let journal = StoreJSON.value(PlanJournal.self, bytes), journal.plan.request == request.id
    {
      state = "running"
      steps += journal.steps.map {
        RequestStatus.PlannedStep(
          node: journal.plan.node, step: $0.step, detail: $0.detail, state: $0.state,
          milliseconds: $0.milliseconds)
      }
      steps += journal.plan.steps.dropFirst(journal.done).enumerated().map { index, step in
        RequestStatus.PlannedStep(
          node: journal.plan.node, step: step.kind.rawValue, detail: step.why,
          state: index == 0 ? "running" : "planned", milliseconds: nil)
      }
    }
    return RequestStatus(
      id: request.id, service: name.text, action: request.action.word, state: state, steps: steps,
      notification: try await notification(of: name, since: request))
  }

  /// Others may join or leave the queue at the same moment: then it is read again.
  private func enqueue(_ request: ServiceRequest, for service: ServiceName) async throws(ControlError) {
    do {
      let key = try ClusterKeys.requests(service)
      for _ in 0..<10 {
        let bytes = try await store.read(key, within: limit)
        guard var queue = RequestQueue(bytes: bytes ?? []) else {
          throw ControlError(
            .failed, "\(key) in \(store.location) can't be read: mend it, or remove it and ask again")
        }
        guard queue.append(request) else {
          throw ControlError(
            .exists,
            "\(RequestQueue.most) requests for \(service) wait already: see `lockferry service list`")
        }
        let outcome = try await store.commit(
          StoreTransaction(comparisons: [.init(key, equals: bytes)], writes: [.init(key, queue.bytes)]),
          within: limit)
        if outcome == .committed { return await daemon.shell.sawRequests(of: service, queue.bytes) }
      }
      throw ControlError(.exists, "too many ask for \(service) at the same moment: try again")
    } catch let error as ControlError {
      throw error
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }

  private static func steps(_ entry: HistoryEntry) -> [RequestStatus.PlannedStep] {
    let node = ["release", "closing"].contains(entry.kind) ? entry.from : entry.to
    return entry.steps.map {
      RequestStatus.PlannedStep(
        node: node ?? "", step: $0.step, detail: $0.detail, state: $0.state, milliseconds: $0.milliseconds)
    }
  }
}
