import Cluster
import StatusMonitor

/// What is true in a run, as only the simulation knows it.
struct Ledger {
  struct Service {
    /// Whose records the store held when the last claim was made, or the last grace period began: these have to be told.
    var toTell: Set<ClientName> = []
    /// When the lock manager last began a grace period.
    var graceBegan = -1
    /// The last start of the lock manager that somebody else brought about since, and who held what until that one or one
    /// before it.
    var restartOutside: (start: Int, at: Int, locks: [Int: Set<ClientName>])?
    /// The daemon of a running adoption was last killed or stood still.
    var interruptedAt = -2
    /// sm-notify has removed their records before anybody had mirrored them, and they have not registered since.
    var goneUnseen: Set<ClientName> = []
    /// The NFS server or statd did not answer at this moment or before.
    var hungAt = -2
  }

  var services: [ServiceName: Service]
  /// When a registration's record was deleted as departed.
  var departed: [ServiceName: [Int: Int]] = [:]
  /// Callouts that statd waits for.
  var callouts: [Int: SimulatedWorld.Action] = [:]
  var openTickets: [Int: Int] = [:]
  /// Locks that were taken from an owner that could not be stopped, and those that they collided with.
  var tainted: Set<ClientName> = []
  var violation: Violation?
  var permissions: [Permission: Int] = [:]
  var checks = 0
  var claims = 0
  var locksGranted = 0
  var locksLost = 0
  var deletions = 0
  var recordsReturned = 0
  var clientsTold = 0
  /// When the store was last restored from an old copy.
  var restoredAt: Int?
  /// Owner keys that an operator still has to mend.
  var damagedKeys: [ServiceName: (damaged: [UInt8], good: [UInt8])] = [:]
  /// Requests that operators have made, oldest first.
  var asked: [ServiceName: [String]] = [:]

  init(services names: [ServiceName]) {
    services = [:]
    for name in names { services[name] = Service() }
  }
}
