import Cluster
import StatusMonitor

/// The mirror of a service whose directory and store hold the same records.
struct MirroredRecords {
  private var mirror: MirrorInstance
  private var now = BootInstant(sinceBoot: .seconds(1000))
  private let count: Int

  init(_ count: Int) throws {
    self.count = count
    var records: [ClientName: [UInt8]] = [:]
    records.reserveCapacity(count)
    for index in 0..<count {
      let client = try Self.client(index)
      records[client] = Self.record(client, 0)
    }
    mirror = MirrorInstance(timings: MirrorTimings(), stored: records)
    _ = mirror.onScan(records, now: now)
    _ = mirror.onLockManager(isUp: true, now: now)
  }

  private static func client(_ index: Int) throws -> ClientName {
    try ClientName("10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255)")
  }

  private static func record(_ client: ClientName, _ version: Int) -> [UInt8] {
    let digits = String(version, radix: 16)
    let cookie = String(repeating: "0", count: 32 - digits.count) + digits
    return Array("0100007f 000186b5 00000003 00000010 \(cookie) \(client) nfs.example.com\n".utf8)
  }

  /// One client registers anew: from statd's file to the batch, and from its commit to the end.
  mutating func registration(_ number: Int) throws -> Duration {
    let client = try Self.client(number * 7919 % count)
    let record = Self.record(client, number + 1)
    now = now + .milliseconds(20)
    let began = ProcessorTime.now
    for case .commit(let batch) in mirror.onWritten(client, record, now: now) {
      _ = mirror.onCommitted(batch.number, now: now)
    }
    return ProcessorTime.now - began
  }
}
