import Cluster
import StatusMonitor

/// A machine: its clock, its daemon, its status monitor, its lock manager, and what is on its disk.
///
/// An object for speed alone: it belongs to one world, and a world is never copied.
final class SimulatedMachine {
  var clock: ClusterShape.Clock
  var numbers: SeededNumbers

  // The machine.
  var boot = 0
  var isOn = false
  var pausedUntil = 0
  var staysOffUntil = 0

  // The network.
  var isCutFromStore = false
  /// Whoever asks it, or is asked by it, hears nothing.
  var isCutFromPeers = false
  var isCutFromClients = false
  /// Percent of calls to the store that are lost, late, doubled, or whose answers are lost.
  var trouble = CallTrouble()
  var notices = NoticeTrouble()
  /// Reads come from a cache.
  var readsAreStale = false
  var newestRead = 0

  // The daemon.
  /// The daemon's core; nil while no daemon runs.
  var instance: NodeInstance?
  /// Grows whenever what was under way ends: daemon killed, machine off.
  var life = 0
  var daemonFrozenUntil = 0
  var judge = HealthJudge(probes: 1, limit: 2)
  var plans: [ServiceName: (plan: Plan, done: Int, token: Int)] = [:]
  var withdrawing: Set<ServiceName> = []
  var mirrors: [ServiceName: SimulatedMirror] = [:]
  var mirrorKnowsServerUp = false
  /// One for each of ``ClusterShape/watchdog``.
  var dogs: [DaemonWatchdog] = []
  var overload: OverloadJudge?
  /// What this node says of itself.
  var deaths: StandingReport?
  var overloads: StandingReport?
  var mirrorKnowsGrace = false
  /// Epochs that this daemon has claimed, until their first mirror begins.
  var claimed: [ServiceName: UInt64] = [:]
  /// Who is being told, and the run that does it.
  var notifying: [ServiceName: Int] = [:]

  // The host.
  var isSick = false
  var isServerDown = false
  /// Of ``ClusterShape/watchdog``: those that have ended, and those that can't be started.
  var deadDaemons: Set<String> = []
  var brokenDaemons: Set<String> = []
  var isOverloaded = false
  /// The service's address is here, and since when; only a withdrawal, a release or the end of the machine takes it
  /// away.
  var addresses: [ServiceName: Int] = [:]
  var lockManagers: [ServiceName: SimulatedLockManager] = [:]
  /// Steps that fail, and how often.
  var failingSteps: [PlanStep.Kind: Int] = [:]
  var withdrawalFails = false
  var fenceFails = false
  var isStatusMonitorDown = false
  var calloutIsMissing = false
  var hintsAreLost = false

  // The disk.
  /// Remembered in the run directory: until the next boot, or until it is served again.
  var withdrawn: Set<ServiceName> = []
  var statusDirectory = SimulatedStatusDirectory()
  /// Private status directories: who is still to be told which number.
  var notifications: [ServiceName: SimulatedNotification] = [:]

  /// Until then only a fence could have made this machine stop: it was paused, or had no daemon.
  var excusedUntil = 0

  init(clock: ClusterShape.Clock, numbers: SeededNumbers) {
    self.clock = clock
    self.numbers = numbers
  }

  func holds(_ service: ServiceName) -> Bool { addresses[service] != nil }
}

/// What goes wrong with calls, in percent of them.
struct CallTrouble: Equatable {
  var lost = 0
  var lateRequests = 0
  var lateAnswers = 0
  var lostAnswers = 0
  var twice = 0
}

/// `/var/lib/nfs`: records and the host's own state number.
struct SimulatedStatusDirectory {
  var files: [ClientName: [UInt8]] = [:]
  /// `sm.bak`: sm-notify has moved it there and not told its client yet.
  var retired: [ClientName: [UInt8]] = [:]
  var isThere = true
  /// `state`, odd.
  var number: Int32 = 3
}

/// What a service's private status directory holds.
struct SimulatedNotification {
  var number: Int32
  var epoch: UInt64
  /// Which start of the lock manager lost the locks that this is about.
  var start: Int
  var left: Set<ClientName>
  var until: Int
}

/// The kernel's lock manager for one service, since its last start.
struct SimulatedLockManager {
  /// Tells starts apart, over all machines.
  var start: Int
  var isUp = true
  /// By the machine's clock.
  var graceEnds: BootInstant?
  /// Who holds which file.
  var locks: [Int: ClientName] = [:]
  /// Whom it has asked statd to monitor.
  var monitored: Set<ClientName> = []
  /// How many requests of a client wait for statd's answer: as long as one does, the client is no idle host
  /// (fs/lockd/host.c, nlm_gc_hosts, looks at h_count).
  var waiting: [ClientName: Int] = [:]
}
