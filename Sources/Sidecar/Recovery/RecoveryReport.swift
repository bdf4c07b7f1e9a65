import Cluster
import StatusMonitor

/// What an operator reads of each client's locks.
struct RecoveryReport: Sendable {
  var ledger: RecoveryLedger
  /// Nil while clients may come back.
  var ending: (end: RecoveryLedger.End, at: BootInstant)?
  /// When the recovery began.
  var startedAt: WallMark
  /// From when on the clients' times count.
  var tellingSince: BootInstant
  /// The names by which all of them were told.
  var names: [String]
  /// When their records had reached the store, seconds since 1970; those of whom nobody knows are missing.
  var mirrored: [ClientName: UInt64] = [:]

  /// The client with what is known of its locks.
  func annotate(_ client: HistoryEntry.Client) -> HistoryEntry.Client {
    guard let name = try? ClientName(client.client) else { return client }
    var client = client
    let verdict = ledger.verdict(name)
    client.mirroredAt = mirrored[name].map { WallClock.text(secondsSince1970: $0) }
    client.outcome = verdict.outcome
    client.registeredMilliseconds = ledger.registered[name].map {
      max(($0 - tellingSince).wholeMilliseconds, 0)
    }
    client.why = why(verdict, client)
    return client
  }

  /// How a recovery ended.
  static func words(_ end: RecoveryLedger.End) -> String {
    switch end {
    case .everybodyIsBack: "every client is registered again"
    case .graceOver: "the grace period is over"
    case .noGrace: "no grace period ran"
    case .timeIsUp: "nobody here sees the grace period, and its length has passed"
    }
  }

  private func why(_ verdict: RecoveryLedger.Verdict, _ client: HistoryEntry.Client) -> String? {
    let by = client.names ?? names
    let told =
      "told" + (client.toldMilliseconds.map { " at \(moment(tellingSince + .milliseconds($0)))" } ?? "")
      + (by.isEmpty ? "" : " as \(by.joined(separator: ", "))")
    return switch verdict {
    case .pending, .registered: nil
    case .heldNothing: "not registered again, and every lock is back: it held none"
    case .restarted: "it restarted itself meanwhile, which ended its locks"
    case .silent:
      "\(told), not registered again when \(ended): no lock of it was reclaimed; what it still held is lost"
    case .unwatched:
      "registered again while no daemon ran here; whether that was before \(ended), nobody saw"
    case .untold: "not told when \(ended): what it held is lost"
    case .refused: "\(told) while no grace period ran: what it tried to reclaim was refused"
    }
  }

  private var ended: String {
    guard let ending else { return "the grace period ended" }
    let at = moment(ending.at)
    return ending.end == .timeIsUp
      ? "the grace period, which nobody here sees, should have ended at \(at)"
      : "the grace period ended at \(at)"
  }

  private func moment(_ instant: BootInstant) -> String { startedAt.text(of: instant) }
}
