import Cluster
import SharedStore
import StatusMonitor

/// Where things are in the shared store; `docs/architecture.md` has the whole layout.
enum ClusterKeys {
  static func beat(_ node: NodeName) throws(StoreError) -> StoreKey {
    try StoreKey(["nodes", node.text, "beat"])
  }

  static func info(_ node: NodeName) throws(StoreError) -> StoreKey {
    try StoreKey(["nodes", node.text, "info"])
  }

  static func drain(_ node: NodeName) throws(StoreError) -> StoreKey {
    try StoreKey(["nodes", node.text, "drain"])
  }

  static func eligibility(_ node: NodeName) throws(StoreError) -> StoreKey {
    try StoreKey(["nodes", node.text, "eligibility"])
  }

  static func pause() throws(StoreError) -> StoreKey {
    try StoreKey(["config", "pause"])
  }

  /// All of them lie together, since each look wants all.
  static func reports() throws(StoreError) -> StoreKey { try StoreKey(["reports"]) }

  static func report(_ key: ReportKey) throws(StoreError) -> StoreKey {
    try StoreKey(["reports", key.node.text, key.source])
  }

  static func owner(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "owner"])
  }

  static func requests(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "requests"])
  }

  static func bid(_ service: ServiceName, epoch: UInt64, _ node: NodeName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "bids", String(epoch), node.text])
  }

  static func plan(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "plan"])
  }

  static func state(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "state"])
  }

  static func notification(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "notification"])
  }

  static func inventory(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "inventory"])
  }

  static func records(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "sm"])
  }

  static func record(_ service: ServiceName, _ client: ClientName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "sm", client.text])
  }

  static func restarts(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "restarts"])
  }

  static func restart(_ service: ServiceName, _ client: ClientName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "restarts", client.text])
  }

  static func history(_ service: ServiceName) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "history"])
  }

  static func history(_ service: ServiceName, number: Int) throws(StoreError) -> StoreKey {
    try history(service).appending(digits(number))
  }

  /// The clients of the history's entry `number`, in parts.
  static func ledger(_ service: ServiceName, number: Int) throws(StoreError) -> StoreKey {
    try StoreKey(["services", service.text, "ledger", digits(number)])
  }

  static func ledger(_ service: ServiceName, number: Int, part: Int) throws(StoreError) -> StoreKey {
    try ledger(service, number: number).appending(digits(part))
  }

  /// Eight digits, so that a listing is in order.
  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(8 - digits.count, 0)) + digits
  }
}
