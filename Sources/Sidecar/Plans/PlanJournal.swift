import Cluster
import Foundation
import NodeHost
import StatusMonitor

/// How far a plan has come: the value of `services/<service>/plan`.
///
/// What is in it is done. Written under the epoch after every step, so that whoever holds the epoch can finish
/// the plan after a crash in any step.
struct PlanJournal: Codable, Sendable, Equatable {
  /// The plan.
  var plan: Plan
  /// How many of its steps are behind.
  var done = 0
  /// Wall clock, ISO 8601 in UTC, when the claim was sent.
  var startedAt: String
  /// The same moment on the boot clock of `boot`, in milliseconds.
  var startedAtBootMilliseconds: Int
  /// The boot of the machine that began.
  var boot: String
  /// The number that clients are told.
  var stateNumber: Int?
  /// What was done.
  var steps: [HistoryEntry.Step] = []
  /// What was left of the grace period at the end of the step `server`, in milliseconds; nil where that step began one
  /// then, or where nobody can see it.
  var graceLeft: Int?
  /// The command that told the clients, where one did.
  var toldBy: String?

  init(plan: Plan, boot: String) {
    self.plan = plan
    self.boot = boot
    startedAt = WallClock.now
    startedAtBootMilliseconds = BootClock.now.wholeMilliseconds
  }

  /// Milliseconds since the plan began; 0 where the machine has rebooted since.
  func elapsed(boot current: String) -> Int {
    current == boot ? max(BootClock.now.wholeMilliseconds - startedAtBootMilliseconds, 0) : 0
  }

  /// What clients are told; nil before it is chosen.
  var number: StateNumber? { stateNumber.flatMap { Int32(exactly: $0) }.flatMap(StateNumber.init) }

  /// Notes that the plan's next step has ended well.
  mutating func noteStep(_ step: PlanStep, _ detail: String, startedAt: Int, milliseconds: Int) {
    steps.append(
      HistoryEntry.Step(
        step: step.kind.rawValue, detail: detail, state: step.isSkipped ? "skipped" : "done",
        startedAtMilliseconds: startedAt, milliseconds: milliseconds))
    done += 1
  }

  /// As it goes into the history.
  func entry(number: Int, outcome: String, problem: String?, milliseconds: Int) -> HistoryEntry {
    HistoryEntry(
      number: number, service: plan.service, kind: plan.kind.rawValue, from: plan.from, to: plan.to,
      epoch: Int(clamping: plan.epoch), because: plan.because, startedAt: startedAt,
      milliseconds: milliseconds, outcome: outcome, problem: problem, stateNumber: stateNumber, steps: steps,
      request: plan.request)
  }
}

extension HistoryEntry {
  /// Stands for an entry that can't be read, so that the others can.
  static func unreadable(_ service: ServiceName, number: Int, in location: String) -> HistoryEntry {
    HistoryEntry(
      number: number, service: service.text, kind: "unknown", from: nil, to: nil, epoch: 0, because: "",
      startedAt: "", milliseconds: 0, outcome: "unreadable",
      problem: "entry \(number) of \(service) in \(location) can't be read; look at it with cat",
      stateNumber: nil, steps: [], request: nil)
  }
}

/// Values of the store that are JSON: sorted keys, so that equal values have equal bytes.
enum StoreJSON {
  static func bytes(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
  }

  static func value<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
    try? JSONDecoder().decode(type, from: Data(bytes))
  }
}

/// The wall clock, for people only: nothing is decided by it.
enum WallClock {
  /// ISO 8601 in UTC with milliseconds.
  static var now: String {
    Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }

  /// The same of another moment, without milliseconds.
  static func text(secondsSince1970 seconds: UInt64) -> String {
    Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
  }
}
