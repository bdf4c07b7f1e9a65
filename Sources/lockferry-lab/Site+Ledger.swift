import Foundation
import HostTestKit

/// Whether lockferry's own report agrees with the kernels.
extension Site {
  /// B6: what `lockferry history show --wait` says of the last adoption, where it must name each of these clients and no
  /// other. Returns whatever it says otherwise.
  ///
  /// - Parameters:
  ///   - back: they hold locks and have reclaimed them.
  ///   - silent: they have not come back, and were told; a restart of their own may excuse them.
  ///   - others: they held nothing in that moment. The lab ends the grace period before some of them ask again.
  func ledger(on server: Guest, back: [Guest], silent: [Guest] = [], others: [Guest] = []) async throws
    -> [String]
  {
    guard !isByHand else { return [] }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let listed = try await server.run(
      "$lab_programs/lockferry history list \(service.name) -o json 2> /dev/null")
    guard
      let number = try decoder.decode([HistoryAnswer].self, from: Data(listed.utf8)).last(where: {
        $0.kind == "adoption" && $0.to == server.name
      })?.number
    else { return ["\(service.name): no adoption by \(server.name) in the history: \(listed)"] }
    let (status, shown) = try await server.outcome(
      """
      $lab_programs/lockferry history show \(number) --service \(service.name) --wait --timeout 2m -o json \
          2> /lab/\(server.name)/ledger.err
      """, within: .seconds(180))
    let entry = try decoder.decode(HistoryAnswer.self, from: Data(shown.utf8))
    note(
      "ledger of \(service.name): "
        + entry.clients.map { "\($0.client) \($0.outcome ?? "?")" }.joined(separator: ", "))
    func names(_ clients: [Guest]) -> [String] { clients.map { $0.recordName(for: service) } }
    return Ledger(entry: entry, exitStatus: status).disagreements(
      back: names(back), silent: names(silent), others: names(others))
  }
}

/// What `lockferry history show` printed, and its exit status.
struct Ledger: Sendable {
  var entry: HistoryAnswer
  var exitStatus: Int

  /// As docs/commands.md has it: nobody has lost anything; somebody has, or may have.
  private static let (nobodyLost, somebodyMayHaveLost) = (0, 115)

  /// Where it does not say what happened. Clients are named as their records.
  func disagreements(back: [String], silent: [String] = [], others: [String] = []) -> [String] {
    var problems: [String] = []
    var said: [String: String] = [:]
    for client in entry.clients { said[client.client] = client.outcome ?? "nothing" }
    for client in back where said[client] != "registered" {
      problems.append("the ledger says of \(client), which has its locks: \(said[client] ?? "nothing")")
    }
    for client in silent where !["possibly_lost", "safe"].contains(said[client]) {
      problems.append("the ledger says of \(client), which did not come back: \(said[client] ?? "nothing")")
    }
    for client in others where !["registered", "possibly_lost", "safe"].contains(said[client]) {
      problems.append("the ledger says of \(client), which held nothing: \(said[client] ?? "nothing")")
    }
    for client in said.keys.sorted() where !(back + silent + others).contains(client) {
      problems.append("the ledger has \(client), which is no client of \(entry.service)")
    }
    if let recovery = entry.recovery {
      if recovery.state != "closed" { problems.append("the ledger is \(recovery.state)") }
      if recovery.registered != said.values.count(where: { $0 == "registered" })
        || recovery.lost + recovery.pending != 0
      {
        problems.append("the ledger counts \(recovery)")
      }
    } else {
      problems.append("no ledger of the adoption of \(entry.service)")
    }
    let due = said.values.contains("possibly_lost") ? Self.somebodyMayHaveLost : Self.nobodyLost
    if exitStatus != due {
      problems.append("lockferry history show ends with \(exitStatus), not with \(due)")
    }
    return problems
  }
}
