import Cluster
import Logging
import NodeHost
import SharedStore

/// Requests at the door, and their ends.
extension NodeShell {
  /// The request leaves the queue, and the history says how it ended: both or neither. Where neither, the next look
  /// decides again.
  func end(_ end: RequestEnd) async {
    let (outcome, text) = end.outcome.words
    log.notice(
      "a request has ended",
      metadata: [
        "service": "\(end.service)", "request": "\(end.request.action)", "id": "\(end.request.id)",
        "outcome": "\(outcome)", "because": "\(text)",
      ])
    do {
      let bytes = try await store.read(
        try ClusterKeys.requests(end.service), within: configuration.beats.storeTimeout)
      _ = try await write(end, queue: bytes)
    } catch {
      log.warning("the end of a request is not in the store yet", metadata: ["error": "\(error)"])
    }
  }

  /// Takes a request back whose turn has not come.
  ///
  /// - Returns: nil where it is done, else why it can't be.
  func cancel(_ id: String, of service: ServiceName, because text: String) async throws -> ControlError? {
    let (queueKey, ownerKey) = (try ClusterKeys.requests(service), try ClusterKeys.owner(service))
    for _ in 0..<10 {
      let values = try await store.read([queueKey, ownerKey], within: configuration.beats.storeTimeout)
      let queue = RequestQueue(bytes: values[queueKey] ?? []) ?? RequestQueue()
      let owner = values[ownerKey]
      if let problem = queue.whyNotCancel(id, owner.flatMap(Ownership.init(bytes:))) {
        let isThere = queue.requests.contains { $0.id == id }
        return ControlError(isThere ? .preconditionFailed : .noSuchObject, "\(service): \(problem)")
      }
      guard let request = queue.requests.first(where: { $0.id == id }) else { continue }
      let end = RequestEnd(service: service, request: request, owner: owner, outcome: .cancelled(text))
      if try await write(end, queue: values[queueKey]) {
        log.notice(
          "a request was cancelled",
          metadata: ["service": "\(service)", "id": "\(id)", "because": "\(text)"])
        return nil
      }
    }
    return ControlError(.failed, "the requests of \(service) keep changing; try again")
  }

  /// True where it has happened; false where queue, owner or history have changed meanwhile.
  private func write(_ end: RequestEnd, queue bytes: [UInt8]?) async throws -> Bool {
    guard var queue = bytes.flatMap(RequestQueue.init(bytes:)), queue.remove(end.request.id) else {
      return false
    }
    let limit = configuration.beats.storeTimeout
    let key = try ClusterKeys.requests(end.service)
    let entry = HistoryEntry(
      number: try await HistoryEntries.read(end.service, in: store, within: limit).last + 1, end,
      node: configuration.node)
    let history = try ClusterKeys.history(end.service, number: entry.number)
    let outcome = try await store.commit(
      StoreTransaction(
        comparisons: [
          .init(try ClusterKeys.owner(end.service), equals: end.owner), .init(key, equals: bytes),
          .init(history, equals: nil),
        ],
        writes: [.init(key, queue.bytes), .init(history, try StoreJSON.bytes(entry))]),
      within: limit)
    guard outcome == .committed else { return false }
    sawRequests(of: end.service, queue.bytes)
    return true
  }

  /// What an answer to an operator needs now and not at the next look.
  func sawRequests(of service: ServiceName, _ bytes: [UInt8]?) {
    instance.onRequests(service, bytes, now: .now)
  }

  /// Why `request` can't be asked now; nil when it can.
  func whyNotAsk(_ request: ServiceRequest, of service: ServiceName) -> ControlError? {
    guard let refusal = instance.whyNotAsk(request, of: service, now: .now) else { return nil }
    let code: ControlError.Code =
      switch refusal.kind {
      case .noSuchObject: .noSuchObject
      case .unsafe: .unsafe
      case .preconditionFailed: .preconditionFailed
      case .storeUnavailable: .storeUnavailable
      }
    let problem = refusal.kind == .storeUnavailable ? store.status.problem : nil
    return ControlError(code, problem ?? refusal.message)
  }

  /// A mark that was set or taken away through this daemon.
  func onPause(_ mark: OperatorMark?) { instance.onPause(mark) }

  /// A mark that was set or taken away through this daemon.
  func onDrain(of node: NodeName, _ mark: OperatorMark?) { instance.onDrain(of: node, mark) }

  /// What a drain of `node` would move, and what it says of a node that is drained; nil where no service names it.
  func drain(of node: NodeName) -> (mark: OperatorMark?, moves: [DrainMove])? {
    guard node == configuration.node || instance.peerNames.contains(node) else { return nil }
    return (instance.drain(of: node), instance.drainMoves(of: node))
  }
}

extension HistoryEntry {
  /// A request that ended without a plan.
  fileprivate init(number: Int, _ end: RequestEnd, node: NodeName) {
    let (outcome, text) = end.outcome.words
    let target: String? = if case .migrate(let target) = end.request.action { target.text } else { nil }
    self.init(
      number: number, service: end.service.text, kind: "request", from: nil, to: target,
      epoch: Int(clamping: end.owner.flatMap(Ownership.init(bytes:))?.epoch ?? 0),
      because: "\(end.request.action.word) \(end.request.reason)", startedAt: WallClock.now, milliseconds: 0,
      outcome: outcome, problem: outcome == "done" ? nil : text, stateNumber: nil,
      steps: [
        Step(
          step: "answer", detail: "\(node): \(text)", state: outcome, startedAtMilliseconds: 0,
          milliseconds: 0)
      ], request: end.request.id)
  }
}

extension RequestEnd.Outcome {
  /// `done`, `failed` or `cancelled`, and why.
  fileprivate var words: (outcome: String, text: String) {
    switch self {
    case .done(let text): ("done", text)
    case .failed(let text): ("failed", text)
    case .cancelled(let text): ("cancelled", text)
    }
  }
}
