import Cluster
import ClusterSimulator
import NodeHost

/// `--dry-run`: what a request would lead to, by the values that would decide it. On a thread of its own, since it
/// plays minutes.
extension NodeControl {
  func forecast(
    _ request: ServiceRequest, of service: ServiceName
  ) async throws(ControlError) -> RequestStatus {
    let picture = await daemon.shell.picture(of: [service])
    let forecast = try await play { Forecast.of(request, for: service, in: picture) }
    let server = try await server(of: service)
    let steps = forecast.entries.compactMap(\.plan).flatMap { plan -> [RequestStatus.PlannedStep] in
      plan.steps.flatMap { step -> [RequestStatus.PlannedStep] in
        let line = RequestStatus.PlannedStep(
          node: plan.node, step: step.kind.rawValue, detail: step.why,
          state: step.isSkipped ? "skipped" : "planned", milliseconds: nil)
        guard step.kind == .server, !step.isSkipped, plan.kind == .adoption else { return [line] }
        return [line] + (server?.lines(on: plan.node) ?? [])
      }
    }
    return RequestStatus(
      id: "", service: service.text, action: request.action.word, state: "planned", steps: steps,
      problem: Self.problem(forecast, request))
  }

  /// How this node would begin the grace period of `service`; nil where a command does that, or nothing.
  private func server(of service: ServiceName) async throws(ControlError) -> PlannedServer? {
    let definition = daemon.configuration.services.first { $0.name == service }
    let node = daemon.configuration.node.text
    if let definition, let facts = await daemon.configuration.isolationFacts(of: definition) {
      return PlannedServer(isolatedOn: node, facts)
    }
    guard let recovery = definition?.ownRecovery else { return nil }
    let (directory, length) = (daemon.directory, daemon.configuration.mirror.gracePeriod)
    do {
      let procedure = try await recovery.procedure(directory, length: length)
      return PlannedServer(recovery.word, on: node, procedure)
    } catch {
      throw ControlError(.failed, "what \(recovery.word) would do here is not known: \(error)")
    }
  }

  /// Why it would not come about; nil where it would.
  private static func problem(_ forecast: Forecast, _ request: ServiceRequest) -> String? {
    if let refused = forecast.entries.last(where: { $0.request == request.id && $0.outcome == "failed" }) {
      return refused.problem
    }
    guard forecast.isPending else { return forecast.violation.map { "a promise would be broken: \($0)" } }
    return "it would still wait after \(DurationText.text(Forecast.longest))"
      + (forecast.moments.last.map { ": \($0.text)" } ?? "")
  }

  /// What a drain of `node` would move, in the order in which it leaves.
  func forecastDrain(
    of node: NodeName, _ request: MarkRequest, _ status: DrainStatus
  ) async throws(ControlError) -> DrainStatus {
    let names = status.services.compactMap { ServiceName($0.service) }
    guard !names.isEmpty else { return status }
    let picture = await daemon.shell.picture(of: names)
    let mark = OperatorMark(actor: request.actor, because: request.because ?? "", since: "")
    let forecast = try await play { Forecast.ofDraining(node, mark, in: picture) }
    var moved: [DrainStatus.Move] = []
    for entry in forecast.entries where entry.kind == "adoption" && entry.outcome == "done" {
      moved.removeAll { $0.service == entry.service.text }
      moved.append(
        DrainStatus.Move(
          service: entry.service.text, to: entry.plan?.node,
          why: "it adopts it with epoch \(entry.epoch), when \(node) has released it"))
    }
    let left = status.services.filter { move in !moved.contains { $0.service == move.service } }.map { move in
      move.to == nil
        ? move
        : DrainStatus.Move(
          service: move.service, to: nil,
          why: "it would still wait after \(DurationText.text(Forecast.longest))")
    }
    var planned = status
    planned.services = moved + left
    return planned
  }

  private func play(_ body: @escaping @Sendable () -> Forecast) async throws(ControlError) -> Forecast {
    do {
      return try await OwnThread.run("lf-forecast", body)
    } catch {
      throw ControlError(.failed, "the forecast could not be made: \(error)")
    }
  }
}
