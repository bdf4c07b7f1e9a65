import Cluster
import Foundation
import NodeHost
import SharedStore

/// The clients of one entry of the history, in keys of their own: whoever lists the history does not read ten thousand
/// clients, and a value of the store takes one mebibyte only.
///
/// A part is a line of JSON for each client, in order of their names. A new ledger is written beside the old one; the
/// entry then names the new one, and the old one goes in the same transaction. Whoever is killed in between leaves the
/// entry with the ledger that it had.
enum HistoryLedger {
  /// The most clients in one part.
  static let mostClients = 2_000
  /// The most bytes in one part: half of what a value of the store takes.
  static let mostBytes = 512 * 1_024
  /// More parts than this are no ledger of ours.
  private static let mostParts = 10_000
  /// How long a look at all parts may take.
  private static let limit = Duration.seconds(20)

  // MARK: - Parts

  /// The parts of a ledger of these clients.
  static func parts(of clients: [HistoryEntry.Client]) throws -> [[UInt8]] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var parts: [[UInt8]] = []
    var part: [UInt8] = []
    var count = 0
    for client in clients.sorted(by: { $0.client < $1.client }) {
      let line = Array(try encoder.encode(client)) + [UInt8(ascii: "\n")]
      if count == mostClients || (count > 0 && part.count + line.count > mostBytes) {
        parts.append(part)
        (part, count) = ([], 0)
      }
      part += line
      count += 1
    }
    return count > 0 ? parts + [part] : parts
  }

  /// The clients in a part; lines that can't be read are left out.
  static func clients(in part: [UInt8]) -> [HistoryEntry.Client] {
    let lines = part.split(separator: UInt8(ascii: "\n"))
    let list = Array("[".utf8) + lines.joined(separator: [UInt8(ascii: ",")]) + Array("]".utf8)
    if let all = StoreJSON.value([HistoryEntry.Client].self, list) { return all }
    return lines.compactMap { StoreJSON.value(HistoryEntry.Client.self, Array($0)) }
  }

  // MARK: - In the store

  /// Writes a ledger beside the one that the entry has, and notes it in the entry.
  ///
  /// - Parameter commit: writes one part under the owner's epoch, or throws.
  /// - Returns: what belongs into the transaction that writes the entry: the end of the ledger that it had.
  /// - Throws: ``StoreError``, and what `commit` throws.
  static func write(
    _ clients: [HistoryEntry.Client], of entry: inout HistoryEntry, _ service: ServiceName,
    in store: any SharedStore, commit: (StoreTransaction.Write) async throws -> Void
  ) async throws -> [StoreTransaction.Write] {
    let old = try await store.list(
      below: try ClusterKeys.ledger(service, number: entry.number), within: limit
    ).keys.sorted()
    let first = (old.last?.components.last.flatMap { Int($0) } ?? 0) + 1
    let parts = try await OwnThread.run("lf-ledger") { try Self.parts(of: clients) }
    for (index, part) in parts.enumerated() {
      try await commit(
        .init(try ClusterKeys.ledger(service, number: entry.number, part: first + index), part))
    }
    entry.count(clients)
    entry.ledger = parts.isEmpty ? nil : .init(first: first, count: parts.count)
    return old.map { .init($0, nil) }
  }

  /// Every client of an entry, as far as the store has them.
  static func read(
    _ entry: HistoryEntry, _ service: ServiceName, in store: any SharedStore
  ) async throws -> (clients: [HistoryEntry.Client], isWhole: Bool) {
    guard let ledger = entry.ledger else { return ([], true) }
    guard (1...99_999_999).contains(ledger.first), (1...mostParts).contains(ledger.count) else {
      return ([], false)
    }
    var keys: [StoreKey] = []
    for part in ledger.first..<ledger.first + ledger.count {
      keys.append(try ClusterKeys.ledger(service, number: entry.number, part: part))
    }
    let values = try await store.read(keys, within: limit)
    let parts = keys.compactMap { values[$0] }
    let clients = try await OwnThread.run("lf-ledger") { parts.flatMap { Self.clients(in: $0) } }
    return (clients, parts.count == keys.count)
  }
}
