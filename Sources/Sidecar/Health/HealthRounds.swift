import Cluster
import NodeHost
import RPCTransport

/// Asks every probe of the node file once.
struct HealthRounds: Sendable {
  let probes: [HealthProbe]
  /// Where they block.
  let place: CallPlace

  /// One answer per probe, in the node file's order; takes as long as the slowest.
  func ask() async -> [HealthJudge.Answer] {
    await withTaskGroup(of: (Int, HealthJudge.Answer).self) { group in
      for (index, probe) in probes.enumerated() {
        group.addTask { (index, await answer(of: probe)) }
      }
      var answers: [Int: HealthJudge.Answer] = [:]
      for await (index, answer) in group { answers[index] = answer }
      return probes.indices.compactMap { answers[$0] }
    }
  }

  private func answer(of probe: HealthProbe) async -> HealthJudge.Answer {
    let start = BootClock.now
    let problem: String?
    switch probe.subject {
    case .program(_, let number, let version, let transport, let host):
      do {
        try await NullCall.run(
          program: number, version: version, over: transport == .udp ? .udp : .tcp, host: host,
          within: probe.timeout, at: place)
        problem = nil
      } catch {
        problem = error.message
      }
    case .command(let arguments):
      let outcome = await HostCommand.run(arguments, environment: [:], within: probe.timeout)
      problem = outcome.succeeded ? nil : outcome.explanation
    }
    return HealthJudge.Answer(subject: probe.subject.text, problem: problem, took: BootClock.now - start)
  }
}

extension HealthProbe.Subject {
  /// For people: `nfs v3 tcp on 127.0.0.1`.
  var text: String {
    switch self {
    case .program(let name, _, let version, let transport, let host):
      "\(name) v\(version) \(transport.rawValue) on \(host)"
    case .command(let arguments): arguments.joined(separator: " ")
    }
  }
}

extension CallPlace {
  /// On the thread that runs tasks.
  init(_ thread: ThreadExecutor) {
    self.init(clock: thread.clock, begin: thread.call)
  }
}
