import Cluster
import Glibc
import Logging
import NodeHost
import SharedStore

/// What is said of nodes' health.
extension NodeShell {
  /// Takes all reports as a look has read them, and has those removed that are over.
  func onReports(_ values: [StoreKey: [UInt8]]) {
    var found: [ReportKey: [UInt8]] = [:]
    for (key, bytes) in values {
      guard key.components.count == 3, let node = NodeName(key.components[1]) else { continue }
      found[ReportKey(node: node, source: key.components[2])] = bytes
    }
    instance.onReports(found, now: .now)
    let over = instance.expiredReports(now: .now)
    guard !over.isEmpty, !isRemovingReports else { return }
    isRemovingReports = true
    // The beat does not wait for it.
    jobs.start { await self.remove(over) }
  }

  private func remove(_ reports: [ReportKey: [UInt8]]) async {
    do {
      for (key, bytes) in reports {
        let place = try ClusterKeys.report(key)
        _ = try await store.commit(
          StoreTransaction(comparisons: [.init(place, equals: bytes)], writes: [.init(place, nil)]),
          within: configuration.beats.storeTimeout)
      }
    } catch {
      // The beat loop reports a store that does not answer; a later look has them removed.
    }
    isRemovingReports = false
  }

  func reportStatus(now: BootInstant) -> [NodeStatus.Report] {
    instance.currentReports(now: now).map { report, left in
      NodeStatus.Report(
        node: report.node.text, source: report.source, state: report.state.rawValue, because: report.because,
        actor: report.actor, at: report.at, secondsLeft: left.wholeMilliseconds / 1000)
    }
  }

  /// Writes a report into the store, or takes it away where `report` is nil.
  func put(_ report: NodeReport?, at key: ReportKey) async throws {
    _ = try await store.commit(
      StoreTransaction(writes: [.init(try ClusterKeys.report(key), report?.bytes)]),
      within: configuration.beats.storeTimeout)
    // It counts at once; where it can't be read now, from the next look on.
    if let found = try? await store.list(
      below: try ClusterKeys.reports(), within: configuration.beats.storeTimeout)
    {
      onReports(found)
    }
  }

  /// Brings what this node says of itself into the store; true where that is news.
  func say(
    _ reason: String?, _ state: NodeReport.State, source: String, _ report: inout StandingReport
  ) async -> Bool {
    guard let action = report.action(reason, now: .now) else { return false }
    let key = ReportKey(node: configuration.node, source: source)
    var written: NodeReport?
    if case .write(let because) = action {
      written = NodeReport(
        node: key.node, source: source, state: state, because: because, actor: "lockferry", at: WallClock.now,
        forMilliseconds: report.lasts.wholeMilliseconds)
    }
    do {
      try await put(written, at: key)
      return report.onDone(action, now: .now)
    } catch {
      log.debug("a report is not in the store yet", metadata: ["error": "\(error)"])
      return false
    }
  }

  // MARK: - Overload

  /// Measures by the operator's rule, and reports this node while it is overloaded.
  func watchLoad() async {
    guard let rule = configuration.overload else { return }
    var judge = OverloadJudge(hold: rule.hold)
    var report = StandingReport(lasts: rule.reportLasts, isLeftOver: false)
    while !Task.isCancelled {
      let began = BootInstant.now
      let problem = await rule.problem()
      _ = judge.onSample(problem, now: .now)
      let reason = judge.isOverloaded ? judge.reason : nil
      if await say(reason, .overloaded, source: "overload", &report) {
        if let reason {
          log.warning("this node is overloaded", metadata: ["because": "\(reason)"])
        } else {
          log.notice("this node is not overloaded any more")
        }
      }
      try? await clock.sleep(for: max(rule.interval - (BootInstant.now - began), .milliseconds(10)))
    }
  }
}

extension OverloadConfiguration {
  /// Why this node has too much to do now; nil where it has not.
  fileprivate func problem() async -> String? {
    switch measure {
    case .load(let limit):
      guard let load = LoadAverage.forEachProcessor, load > limit else { return nil }
      return "the load average for each processor is above \(limit)"
    case .command(let command):
      let outcome = await HostCommand.run(command.arguments, environment: [:], within: command.timeout)
      return outcome.succeeded ? nil : "\(command.arguments.joined(separator: " ")): \(outcome.explanation)"
    }
  }
}

/// How much this machine has to do.
enum LoadAverage {
  /// The load average of the last minute (getloadavg(3)) for each processor that is online.
  static var forEachProcessor: Double? {
    var averages = [0.0]
    let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    guard getloadavg(&averages, 1) == 1, processors > 0 else { return nil }
    return averages[0] / Double(processors)
  }
}
