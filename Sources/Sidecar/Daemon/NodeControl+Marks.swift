import Cluster
import SharedStore

/// Pause and drain: keys that hold as long as they are there.
extension NodeControl {
  func pause(_ request: MarkRequest, _ isPaused: Bool) async throws(ControlError) -> PauseStatus {
    let mark = try await set({ () throws(StoreError) in try ClusterKeys.pause() }, isPaused, request)
    await daemon.shell.onPause(mark)
    return PauseStatus(paused: mark.map(NodeStatus.Mark.init))
  }

  func drain(
    node: String, _ request: MarkRequest, _ isDrained: Bool
  ) async throws(ControlError) -> DrainStatus {
    var status = try await drain(of: node)
    guard let name = NodeName(node) else { return status }
    if request.dryRun { return isDrained ? try await forecastDrain(of: name, request, status) : status }
    let mark = try await set({ () throws(StoreError) in try ClusterKeys.drain(name) }, isDrained, request)
    await daemon.shell.onDrain(of: name, mark)
    status.drained = mark.map(NodeStatus.Mark.init)
    return status
  }

  func drain(of node: String) async throws(ControlError) -> DrainStatus {
    guard let name = NodeName(node), let (mark, moves) = await daemon.shell.drain(of: name) else {
      throw ControlError(.noSuchObject, "no service of this node's file names a node \(node)".printable)
    }
    return DrainStatus(
      node: node, drained: mark.map(NodeStatus.Mark.init),
      services: moves.map { DrainStatus.Move(service: $0.service.text, to: $0.to?.text, why: $0.why) })
  }

  /// Sets the mark, or takes it away; returns what holds then. One that is there already stays as it is: who was first
  /// is who is asked about it.
  private func set(
    _ key: () throws(StoreError) -> StoreKey, _ isSet: Bool, _ request: MarkRequest
  ) async throws(ControlError) -> OperatorMark? {
    try Self.checkReason(request.actor, request.because)
    let mark = OperatorMark(
      actor: request.actor, because: request.because ?? "", since: WallClock.now)
    if request.dryRun { return try await read(key).map(OperatorMark.init(reading:)) }
    do {
      let key = try key()
      let outcome = try await store.commit(
        StoreTransaction(
          comparisons: isSet ? [.init(key, equals: nil)] : [], writes: [.init(key, isSet ? mark.bytes : nil)]),
        within: limit)
      switch outcome {
      case .committed: return isSet ? mark : nil
      case .conflict(_, let actual): return actual.map(OperatorMark.init(reading:))
      }
    } catch {
      throw ControlError(storeError: error)
    }
  }
}
