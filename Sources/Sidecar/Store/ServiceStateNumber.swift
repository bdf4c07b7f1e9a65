import Cluster
import NodeHost
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

  /// The number for a new attempt to tell clients, and what makes it durable in the store.
  struct Next: Sendable {
    var number: StateNumber
    /// The last that clients were told.
    var last: StateNumber?
    var write: StoreTransaction.Write
    var comparison: StoreTransaction.Comparison
  }

  /// The next odd number above everything that a client of the service or of this node may have seen.
  ///
  /// - Parameter chosen: taken in its place, where no client of the service has heard a later one: others are told the
  ///   same.
  /// - Throws: ``PlanError`` where no number is left, ``StoreError``, ``NodeHostError``.
  static func next(
    _ service: ServiceName, directory: StatusDirectory, store: any SharedStore, limit: Duration,
    chosen: StateNumber? = nil
  ) async throws -> Next {
    let (stored, bytes) = try await read(service, store: store, limit: limit)
    let key = try ClusterKeys.state(service)
    if let chosen, stored.map({ $0 <= chosen }) ?? true {
      return Next(
        number: chosen, last: stored, write: .init(key, self.bytes(chosen)),
        comparison: .init(key, equals: bytes))
    }
    var seen: [StateNumber] = stored.map { [$0] } ?? []
    if case .number(let local) = try await OwnThread.run("lf-state", { try directory.stateNumber() }) {
      seen.append(local)
    }
    guard let number = NotificationAttempt.new(above: seen).number else {
      throw PlanError(
        "no state number is left above \(seen.map(\.description).joined(separator: ", ")): NSM's 31 bits are used up; "
          + "mend services/\(service)/state in the store and \(directory.path)/state by hand")
    }
    return Next(
      number: number, last: stored, write: .init(key, self.bytes(number)),
      comparison: .init(key, equals: bytes))
  }

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
