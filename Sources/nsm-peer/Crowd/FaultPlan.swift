/// Which client has which faults, and what becomes of each packet: all of it follows from the seed.
struct FaultPlan: Sendable {
  let faults: [ClientFaults]
  private let packetFaults: PacketFaults
  private let seed: UInt64
  private let hasPacketFaults: Bool

  /// - Parameter shares: how many clients have each fault. Each fault draws its clients by itself, so that one client
  ///   may have several.
  init(clients: Int, shares: [ClientFaults: Share], packets: PacketFaults, seed: UInt64) {
    var faults = [ClientFaults](repeating: [], count: clients)
    for (number, entry) in ClientFaults.named.enumerated() {
      guard let share = shares[entry.fault], clients > 0 else { continue }
      var generator = SplitMix(seed: seed &* 1_000_003 &+ UInt64(number))
      for client in FaultPlan.draw(share.count(of: clients), of: clients, using: &generator) {
        faults[client].insert(entry.fault)
      }
    }
    self.faults = faults
    self.packetFaults = packets
    self.seed = seed
    hasPacketFaults = !packets.isEmpty
  }

  /// The fate of the n-th datagram that is sent to a client: the same in each run, in whatever order the clients are
  /// asked.
  func fate(client: Int, packet: UInt32) -> PacketFate {
    guard hasPacketFaults else { return .good }
    var mixed = SplitMix(seed: seed ^ UInt64(client) << 32 ^ UInt64(packet))
    var generator = SplitMix(seed: mixed.next())
    return packetFaults.fate(drawing: &generator)
  }

  /// `count` different numbers below `all`.
  private static func draw(_ count: Int, of all: Int, using generator: inout SplitMix) -> ArraySlice<Int> {
    var numbers = Array(0..<all)
    for place in 0..<count { numbers.swapAt(place, Int.random(in: place..<all, using: &generator)) }
    return numbers.prefix(count)
  }
}
