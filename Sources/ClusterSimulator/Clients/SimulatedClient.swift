import Cluster
import StatusMonitor

/// An NFSv3 client: what it believes, which may differ from what the server knows.
///
/// An object for speed alone, as ``SimulatedMachine``.
final class SimulatedClient {
  let service: ServiceName
  var numbers: SeededNumbers
  /// It holds what it has for long and asks for nothing else: nothing brings its record back.
  let isSteady: Bool
  var life = 0
  var isOn = true
  var isCut = false
  /// Until then it takes no locks.
  var restsUntil = 0
  /// The last state number that it was told of its server; a Linux statd keeps it in memory and begins with none.
  var knownState: Int32?
  /// Files that it believes to have locked.
  var locks: Set<Int> = []
  /// Who has granted each, and when.
  var granted: [Int: Grant] = [:]
  /// When its server freed a lock of it, having heard that it had restarted; until it is granted anew.
  var freed: [Int: Int] = [:]
  /// What it has asked for and not been answered, by file.
  var requests: [Int: Request] = [:]
  /// It was cut off, slow or off at this moment or before.
  var lastAway = -1
  /// When a server last asked statd to monitor it.
  var registeredAt = -1
  /// Which start of the lock manager each number was about that it was told.
  var heard: [Int32: Int] = [:]

  struct Request {
    enum Kind { case lock, unlock, reclaim }
    var kind: Kind
    var token: Int
  }

  struct Grant {
    /// Which start of the lock manager.
    var start: Int
    var at: Int
  }

  init(service: ServiceName, numbers: SeededNumbers, mayBeSteady: Bool) {
    self.service = service
    var numbers = numbers
    isSteady = mayBeSteady && numbers.chance(50)
    self.numbers = numbers
  }
}
