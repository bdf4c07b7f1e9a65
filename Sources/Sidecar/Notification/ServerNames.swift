public import NodeHost
import RPCTransport
public import StatusMonitor

extension NotificationNames {
  /// ``all(given:canonical:addresses:)`` with what the resolver says within the limit.
  public static func resolved(
    given: [String], addresses: [String], within limit: Duration = .seconds(2)
  ) async -> [String] {
    await withTaskGroup(of: (Int, String?).self) { group in
      for (index, name) in given.enumerated() {
        group.addTask { (index, await HostNames.canonical(of: name, within: limit)) }
      }
      var canonical: [Int: String] = [:]
      for await (index, name) in group { canonical[index] = name }
      return all(given: given, canonical: given.indices.compactMap { canonical[$0] }, addresses: addresses)
    }
  }
}

extension StatusDirectory {
  /// The names of the server in its own records: what its lock manager called itself (`my_name`).
  public func serverNames(in records: [RetiredRecord]) -> [String] {
    var names: [String] = []
    for record in records {
      for line in MonitorRecord(parsing: record.bytes).monitorLines
      where !line.myName.isEmpty && !names.contains(line.myName) { names.append(line.myName) }
    }
    return names
  }
}
