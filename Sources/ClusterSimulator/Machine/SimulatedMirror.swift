import Cluster
import StatusMonitor

/// The mirror of one service on one node, as `MirrorShell` keeps it.
struct SimulatedMirror {
  var epoch: UInt64
  /// Nobody has sent a batch under this epoch yet.
  var isFresh: Bool
  /// Nil until the store's records were read.
  var instance: MirrorInstance?
  var storedNumber: Int32?
  var isPlanRunning: Bool
  /// Callouts that wait: tickets, and whom to answer.
  var tickets: [UInt64: Ticket] = [:]
  /// Steps that wait until everything is in the store.
  var flushes: [SimulatedWorld.Action] = []

  struct Ticket {
    var wait: Int
    var client: ClientName
    var registration: Int
  }
}
