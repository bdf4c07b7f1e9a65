import Cluster
import SharedStore
import StatusMonitor

/// `services/<service>/state`: the highest NSM state number that any client of the service was told, in decimal.
enum ServiceStateNumber {
  /// The number in the store; nil where there is none yet.
  static func read(
    _ service: ServiceName, store: any SharedStore, limit: Duration
  ) async throws(StoreError) -> (number: StateNumber?, bytes: [UInt8]?) {
    let key = try ClusterKeys.state(service)
    guard let bytes = try await store.read(key, within: limit) else { return (nil, nil) }
    guard bytes.count <= 16, let text = String(validating: bytes, as: UTF8.self),
      let value = Int32(text.filter { !$0.isWhitespace }), value > 0
    else {
      throw StoreError(
        .damaged,
        "\(key) does not hold a positive number: write the highest state number that clients may have seen "
          + "into it, in decimal")
    }
    return (StateNumber(value), bytes)
  }

  static func bytes(_ number: StateNumber) -> [UInt8] { Array("\(number.value)\n".utf8) }

  /// Makes the stored number at least `number`, under the epoch. Returns what is stored then.
  static func raise(
    _ service: ServiceName, to number: StateNumber, store: any SharedStore, limit: Duration,
    ownerBytes: () async -> [UInt8]?
  ) async throws(StoreError) -> StateNumber {
    for _ in 0..<5 {
      let (stored, bytes) = try await read(service, store: store, limit: limit)
      if let stored, stored >= number { return stored }
      guard let owner = await ownerBytes() else { break }
      let outcome = try await store.commit(
        StoreTransaction(
          comparisons: [
            .init(try ClusterKeys.owner(service), equals: owner),
            .init(try ClusterKeys.state(service), equals: bytes),
          ],
          writes: [.init(try ClusterKeys.state(service), self.bytes(number))]),
        within: limit)
      if outcome == .committed { return number }
    }
    throw StoreError(.unavailable, "services/\(service)/state changed hands while it was raised")
  }
}
