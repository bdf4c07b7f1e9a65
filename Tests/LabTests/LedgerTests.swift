import Foundation
import HostTestKit
import Testing

@testable import lockferry_lab

/// B6: what the lab makes of `lockferry history show`.
@Suite("Kernel lab: ledgers") struct LedgerTests {
  /// An entry with these clients, each with what it says of them, and a count of those that registered.
  private static func ledger(
    _ clients: [(name: String, outcome: String)], exitStatus: Int, state: String = "closed",
    counted: Int? = nil
  ) throws -> Ledger {
    func count(_ outcome: String) -> Int { clients.count { $0.outcome == outcome } }
    let lines = clients.map { "{\"client\": \"\($0.name)\", \"told\": true, \"outcome\": \"\($0.outcome)\"}" }
    let text = """
      {"number": 2, "service": "home", "kind": "adoption", "epoch": 2, "because": "a is dead", "startedAt": "",
       "milliseconds": 1, "outcome": "done", "steps": [], "clientCount": \(clients.count), "untoldCount": 0,
       "clients": [\(lines.joined(separator: ", "))],
       "recovery": {"state": "\(state)", "registered": \(counted ?? count("registered")), "safe": \(count("safe")),
         "possiblyLost": \(count("possibly_lost")), "lost": \(count("lost")), "pending": \(count("pending"))}}
      """
    return Ledger(
      entry: try JSONDecoder().decode(HistoryAnswer.self, from: Data(text.utf8)), exitStatus: exitStatus)
  }

  @Test func whoeverIsBackIsRegisteredAndNobodyHasLostAnything() throws {
    let ledger = try Self.ledger([("10.0.0.1", "registered"), ("10.0.0.2", "registered")], exitStatus: 0)
    #expect(ledger.disagreements(back: ["10.0.0.1"], others: ["10.0.0.2"]) == [])
  }

  @Test(arguments: [("possibly_lost", 115), ("safe", 0)])
  func whoeverIsSilentIsNotRegistered(outcome: String, status: Int) throws {
    let clients = [(name: "10.0.0.1", outcome: "registered"), (name: "10.0.0.2", outcome: outcome)]
    let ledger = try Self.ledger(clients, exitStatus: status)
    #expect(ledger.disagreements(back: ["10.0.0.1"], silent: ["10.0.0.2"]) == [])
    let other = try Self.ledger(clients, exitStatus: 115 - status)
    #expect(!other.disagreements(back: ["10.0.0.1"], silent: ["10.0.0.2"]).isEmpty)
    #expect(!ledger.disagreements(back: ["10.0.0.1", "10.0.0.2"]).isEmpty)
  }

  @Test func whatIsWrongIsSaid() throws {
    let back = [(name: "10.0.0.1", outcome: "registered")]
    #expect(!(try Self.ledger(back, exitStatus: 0)).disagreements(back: [], silent: ["10.0.0.1"]).isEmpty)
    #expect(!(try Self.ledger(back, exitStatus: 0)).disagreements(back: []).isEmpty, "a client too many")
    #expect(!(try Self.ledger([], exitStatus: 0)).disagreements(back: ["10.0.0.1"]).isEmpty, "one too few")
    #expect(!(try Self.ledger(back, exitStatus: 112)).disagreements(back: ["10.0.0.1"]).isEmpty)
    #expect(!(try Self.ledger(back, exitStatus: 0, state: "open")).disagreements(back: ["10.0.0.1"]).isEmpty)
    #expect(!(try Self.ledger(back, exitStatus: 0, counted: 0)).disagreements(back: ["10.0.0.1"]).isEmpty)
  }
}
