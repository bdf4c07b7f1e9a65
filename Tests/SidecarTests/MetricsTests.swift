import Cluster
import Foundation
import Testing

@testable import Sidecar

/// What `/metrics` answers, read by Prometheus' own rules (text format 0.0.4).
private struct Scraped {
  struct Line: Hashable {
    var name: String
    var labels: [String: String]
  }

  var values: [Line: Double] = [:]
  var kinds: [String: String] = [:]
  var helps: [String: String] = [:]

  init(_ text: String) throws {
    #expect(text.hasSuffix("\n"))
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
      if words[0] == "#" {
        if words[1] == "TYPE" { kinds[words[2]] = words[3] } else { helps[words[2]] = words[3] }
        continue
      }
      let parts = try #require(line.wholeMatch(of: /([a-z_]+)(\{(.*)\})? (\S+)/), "\(line)")
      var labels: [String: String] = [:]
      for pair in (parts.3 ?? "").matches(of: /([a-z]+)="((?:[^"\\]|\\.)*)"/) {
        labels[String(pair.1)] = String(pair.2).replacing("\\n", with: "\n").replacing("\\\"", with: "\"")
          .replacing("\\\\", with: "\\")
      }
      let key = Line(name: String(parts.1), labels: labels)
      #expect(values[key] == nil, "twice: \(line)")
      let value: Double = try #require(Double(String(parts.4)), "\(line)")
      values[key] = value
    }
  }

  subscript(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    values[Line(name: "lockferry_" + name, labels: labels)]
  }
}

@Suite("What can be counted is exported (T5, B1, B6)")
struct MetricsTests {
  private func scrape(_ change: (inout NodeStatus) -> Void = { _ in }) throws -> Scraped {
    var status = NodeStatus.well
    change(&status)
    return try Scraped(MetricsText.render(status))
  }

  @Test func everyMetricHasOneNameATypeAndASentence() throws {
    let names = MetricFamily.all.map(\.name)
    #expect(Set(names).count == names.count)
    let scraped = try scrape()
    for family in MetricFamily.all {
      #expect(family.name.wholeMatch(of: /lockferry_[a-z]+(_[a-z]+)*/) != nil)
      #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
      #expect(scraped.kinds[family.name] == family.kind.rawValue)
      #expect(scraped.helps[family.name] == family.help && family.help.hasSuffix("."))
    }
  }

  @Test func countsOfServicesAndTransitionsAreExported() throws {
    let scraped = try scrape { status in
      status.homeServices = 2
      status.adoptedServices = 1
      status.services[0].cameIntoService = 3
      status.services[0].leftService = 2
      status.services[1].cameIntoService = 1
    }
    #expect(scraped["home_services"] == 2 && scraped["adopted_services"] == 1)
    #expect(scraped["service_transitions_total", ["service": "home", "to": "online"]] == 3)
    #expect(scraped["service_transitions_total", ["service": "home", "to": "offline"]] == 2)
    // b is its home.
    #expect(scraped["service_transitions_total", ["service": "work", "to": "failover"]] == 1)
    #expect(scraped["service_epoch", ["service": "home"]] == 3)
  }

  @Test func ofSeveralStatesOneIsTrue() throws {
    let scraped = try scrape { $0.peers[0].beat = "late" }
    for (name, label, by) in [
      ("service_state", "state", ["service": "home"]), ("service_owner", "node", ["service": "work"]),
      ("peer_state", "state", ["peer": "b"]), ("daemon_state", "state", [:]), ("node_mode", "mode", [:]),
    ] {
      let values = scraped.values.filter { line, _ in
        line.name == "lockferry_" + name && by.allSatisfy { line.labels[$0] == $1 }
      }
      #expect(values.values.reduce(0, +) == 1 && values.count > 1, "\(name)")
      #expect(values.keys.allSatisfy { $0.labels[label] != nil })
    }
    #expect(scraped["service_state", ["service": "home", "state": "online"]] == 1)
    #expect(scraped["service_owner", ["service": "work", "node": "b"]] == 1)
    #expect(scraped["peer_state", ["peer": "b", "state": "late"]] == 1)
  }

  /// A state that is exported as nothing at all would raise no alarm.
  @Test func everyStateThatStatusCanShowIsAmongThem() throws {
    let states = [
      "unowned", "adopting", "online", "withdrawn", "releasing", "released", "offline", "closed", "unknown",
    ]
    for state in states {
      let scraped = try scrape { $0.services[0].state = state }
      #expect(scraped["service_state", ["service": "home", "state": state]] == 1, "\(state)")
    }
  }

  @Test func whatIsStrandedOrHeldIsAnAlarm() throws {
    let well = try scrape()
    #expect(well["service_stranded", ["service": "home"]] == 0)
    let stranded = try scrape { status in
      status.services[0].stranded = "nobody can take it"
      status.services[1].held = "b is seen serving"
      status.services[0].ineligible = [.init(node: "b", reasons: ["drained"])]
    }
    #expect(stranded["service_stranded", ["service": "home"]] == 1)
    #expect(stranded["service_held", ["service": "work"]] == 1)
    #expect(stranded["service_ineligible_candidates", ["service": "home"]] == 1)
  }

  @Test func theMirrorIsShownWhereItRuns() throws {
    let scraped = try scrape { status in
      status.services[0].mirror?.lagMilliseconds = 1_250
      status.services[0].mirror?.recordsMirrored = 11
      status.services[0].mirror?.frozen = true
      status.services[0].mirror?.deletions = 7
    }
    let home = ["service": "home"]
    #expect(scraped["mirror_lag_seconds", home] == 1.25)
    #expect(scraped["mirror_records_seen", home] == 12 && scraped["mirror_records_mirrored", home] == 11)
    #expect(scraped["mirror_frozen", home] == 1 && scraped["mirror_deletions_total", home] == 7)
    #expect(scraped["mirror_lag_seconds", ["service": "work"]] == nil)
  }

  @Test func whoWasToldIsShown() throws {
    let scraped = try scrape { status in
      status.services[0].notification = NotificationStatus(
        service: "home", epoch: 3, stateNumber: 7, all: 12, told: 9, underWay: 1, milliseconds: 40,
        graceLeftMilliseconds: 30_500, ended: nil)
    }
    #expect(scraped["notification_clients", ["service": "home", "outcome": "told"]] == 9)
    #expect(scraped["notification_clients", ["service": "home", "outcome": "untold"]] == 3)
    #expect(scraped["notification_running", ["service": "home"]] == 1)
    #expect(scraped["notification_grace_left_seconds", ["service": "home"]] == 30.5)
  }

  @Test func whatBecameOfTheLocksIsShown() throws {
    let home = ["service": "home"]
    let scraped = try scrape { status in
      status.services[0].recovery = HistoryEntry.Recovery(
        state: "open", startedAt: "", registered: 7, safe: 1, possiblyLost: 2, lost: 3, pending: 4,
        locksHeld: 9,
        locksBack: 8)
    }
    for (outcome, count) in [
      ("registered", 7.0), ("safe", 1), ("possibly_lost", 2), ("lost", 3), ("pending", 4),
    ] {
      #expect(scraped["recovery_clients", ["service": "home", "outcome": outcome]] == count)
    }
    #expect(scraped["recovery_open", home] == 1)
    #expect(scraped["recovery_locks_held", home] == 9 && scraped["recovery_locks_back", home] == 8)
    let crashed = try scrape {
      $0.services[0].recovery = HistoryEntry.Recovery(state: "closed", startedAt: "", registered: 7)
    }
    #expect(crashed["recovery_open", home] == 0 && crashed["recovery_locks_held", home] == nil)
    #expect(try scrape()["recovery_open", home] == nil)
  }

  @Test func callsToTheStoreAreAHistogram() throws {
    var counts = CallCounts()
    for milliseconds in [1, 3, 40, 40, 90_000] {
      counts.onCall(took: .milliseconds(milliseconds), failed: milliseconds > 1000)
    }
    let scraped = try scrape { $0.store.calls = [counts.status("commit")] }
    func bucket(_ bound: String) -> Double? {
      scraped["store_call_duration_seconds_bucket", ["operation": "commit", "le": bound]]
    }
    #expect(bucket("0.001") == 1 && bucket("0.005") == 2 && bucket("0.05") == 4)
    #expect(bucket("5.0") == 4 && bucket("+Inf") == 5)
    #expect(scraped["store_call_duration_seconds_count", ["operation": "commit"]] == 5)
    let sum = try #require(scraped["store_call_duration_seconds_sum", ["operation": "commit"]])
    #expect(abs(sum - 90.084) < 0.000_1)
    #expect(scraped["store_call_failures_total", ["operation": "commit"]] == 1)
  }

  @Test func plansAndTheirStepsAreCounted() throws {
    var counts = PlanCounts()
    counts.onStep(.adoption, .storage, took: .milliseconds(200), failed: true)
    counts.onStep(.adoption, .storage, took: .milliseconds(1_800), failed: false)
    counts.onEnd(.adoption, .handOn("storage"))
    counts.onEnd(.adoption, .lost)
    counts.onEnd(.adoption, .lost)
    let scraped = try scrape { status in
      status.plans = counts.plans
      status.steps = counts.stepCounts
    }
    let storage = ["plan": "adoption", "step": "storage"]
    #expect(scraped["plan_step_duration_seconds_sum", storage] == 2)
    #expect(scraped["plan_step_duration_seconds_count", storage] == 2)
    #expect(scraped["plan_step_failures_total", storage] == 1)
    #expect(scraped["plans_total", ["plan": "adoption", "outcome": "handed_on"]] == 1)
    #expect(scraped["plans_total", ["plan": "adoption", "outcome": "lost"]] == 2)
  }

  @Test func whatIsNotKnownIsMissing() throws {
    let scraped = try scrape { status in
      status.health.beatAgeMilliseconds = nil
      status.store.lastAnswerMilliseconds = nil
    }
    #expect(scraped["beat_age_seconds"] == nil && scraped["store_answer_age_seconds"] == nil)
    #expect(scraped["peer_beat_age_seconds", ["peer": "c"]] == nil)
    #expect(scraped["peer_beat_age_seconds", ["peer": "b"]] == 0.312)
    #expect(scraped["callout_heard"] == nil)
  }

  @Test func labelsAreEscaped() throws {
    let subject = "command [\"/bin/a\\b\"\nsecond]"
    let scraped = try scrape { $0.health.probes[0].subject = subject }
    #expect(scraped["probe_ok", ["probe": subject]] == 1)
  }

  // MARK: - Documentation

  private func text(_ path: String) throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// A row of docs/metrics.md; `LOCKFERRY_REWRITE=1` prints all of them.
  private func row(_ family: MetricFamily) -> String {
    let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
    return "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |"
  }

  @Test func docsListEveryMetricOnce() throws {
    let rows = MetricFamily.all.map(row)
    if ProcessInfo.processInfo.environment["LOCKFERRY_REWRITE"] != nil { print(rows.joined(separator: "\n")) }
    let listed = try text("docs/metrics.md").split(separator: "\n").filter { $0.hasPrefix("| `lockferry_") }
    #expect(listed.map(String.init) == rows)
  }

  @Test func theAlertRulesNameMetricsThatThereAre() throws {
    let rules = try text("docs/alerts.yml")
    let named = Set(rules.matches(of: /lockferry_[a-z_]+/).map { String($0.output) })
    #expect(named.count > 12)
    let known = Set(MetricFamily.all.flatMap { ["", "_sum", "_count", "_bucket"].map($0.name.appending) })
    #expect(named.subtracting(known) == [])
    for word in ["stranded", "held", "lag", "frozen", "untold", "possibly_lost"] {
      #expect(rules.contains(word), "\(word)")
    }
  }
}
