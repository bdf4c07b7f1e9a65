import Cluster
import NodeHost
import SharedStore

/// What operators and other equipment say.
extension NodeControl {
  func report(_ request: ReportRequest, actor: String) async throws(ControlError) -> NodeStatus.Report {
    let known = Set(daemon.configuration.services.flatMap(\.candidates)).union([daemon.configuration.node])
    guard let node = NodeName(request.node), known.contains(node) else {
      throw ControlError(
        .noSuchObject,
        "no node \(request.node.printable) in this node's file; it knows "
          + known.sorted().map(\.text).joined(separator: ", "))
    }
    guard let state = NodeReport.State(rawValue: request.state), state != .overloaded else {
      throw ControlError(.badRequest, "`state` must be unhealthy or healthy")
    }
    guard let source = NodeName(request.source ?? ""), !Self.ownSources.contains(source.text) else {
      throw ControlError(
        .badRequest, "`source` must be 1 to 63 letters, digits, `-`, `_` or `.`, and not \(Self.ownSources)")
    }
    guard (1...500).contains(request.because.utf8.count), actor.utf8.count <= 200 else {
      throw ControlError(.badRequest, "`because` must say why, in at most 500 bytes")
    }
    let range = Duration.seconds(1)...NodeReport.longest
    guard let duration = try? DurationText.parse(request.for ?? "10m"), range.contains(duration) else {
      throw ControlError(.badRequest, "`for` must be a duration from 1s to 24h, as in 10m")
    }
    let report = NodeReport(
      node: node, source: source.text, state: state, because: request.because.printable,
      actor: actor.printable, at: WallClock.now, forMilliseconds: duration.wholeMilliseconds)
    let others = await daemon.shell.reportStatus(now: .now).filter {
      $0.node == node.text && $0.source != source.text
    }
    guard others.count < Self.mostSources else {
      throw ControlError(
        .exists, "\(node) is reported by \(others.count) sources already: use the `source` of one of them")
    }
    do {
      try await daemon.shell.put(report, at: ReportKey(node: node, source: source.text))
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
    return NodeStatus.Report(
      node: node.text, source: source.text, state: state.rawValue, because: report.because,
      actor: report.actor,
      at: report.at, secondsLeft: duration.wholeMilliseconds / 1000)
  }

  /// What the daemon says itself.
  private static var ownSources: [String] { ["overload", "watchdog"] }
  private static var mostSources: Int { 16 }

  /// Forgets the automatic adoptions so far, in the owner key itself: whoever owns it goes on under the same epoch.
  func unhold(service: String) async throws(ControlError) {
    let name = try name(service)
    do {
      let key = try ClusterKeys.owner(name)
      for _ in 0..<5 {
        guard let bytes = try await store.read(key, within: limit), var ownership = Ownership(bytes: bytes)
        else {
          throw ControlError(.preconditionFailed, "nobody has ever owned \(name)")
        }
        guard !ownership.automatic.isEmpty else { return }
        ownership.automatic = []
        let outcome = try await store.commit(
          StoreTransaction(comparisons: [.init(key, equals: bytes)], writes: [.init(key, ownership.bytes)]),
          within: limit)
        if outcome == .committed { return }
      }
      throw ControlError(.failed, "the owner of \(name) keeps changing; try again")
    } catch let error as ControlError {
      throw error
    } catch let error as StoreError {
      throw ControlError(storeError: error)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }
}
