public import Cluster
public import StatusMonitor

/// One thing that goes wrong, or that somebody does, at a moment of a run.
public struct Fault: Sendable, Equatable, CustomStringConvertible {
  /// What it is.
  public enum Kind: String, Sendable, CaseIterable {
    // Machines.
    case powerCut = "loses power"
    case reset = "is reset"
    case everyMachineLosesPower = "everything loses power"
    case machinePause = "is paused"
    case guestPause = "is paused together with its clock"
    case clockDrift = "has its clock run at another rate"
    case wallClockStep = "has its wall clock set"
    // Daemons.
    case daemonKill = "has its daemon killed"
    case daemonStop = "has its daemon stopped"
    case daemonCrashLoop = "has its daemon crash again and again"
    case daemonFreeze = "has its daemon stand still"
    // The store.
    case storeStops = "the store answers nobody"
    case storeReadOnly = "the store can't be written"
    case storeFull = "the store is full"
    case storeVanishes = "the store's folder is gone"
    case storeSlow = "the store is slow"
    case storeRestored = "the store is restored from an old copy"
    case storeRestoredByTheBook =
      "the store is restored from an old copy while all nodes are off, and its numbers raised"
    case beatVanishes = "has its beat vanish from the store"
    case everyBeatVanishes = "every beat vanishes from the store"
    case staleReads = "reads old values from its cache"
    case ownerKeyDamaged = "the owner key is damaged"
    case journalLost = "the journal is deleted"
    // The network between nodes and store.
    case cutFromStore = "is cut off from the store"
    case everyNodeCutFromStore = "every node is cut off from the store"
    case callsLost = "loses calls to the store"
    case callsLate = "has its calls reach the store late"
    case answersLate = "hears the store's answers late"
    case answersLost = "does not hear the store's answers"
    case callsTwice = "has its calls arrive twice"
    // The network between nodes.
    case cutFromPeers = "is cut off from the other nodes"
    case isolated = "is cut off from the store and the other nodes"
    // The network between nodes and clients.
    case cutFromClients = "is cut off from the clients"
    case notificationsLost = "loses notifications"
    case notificationsTwice = "sends notifications twice"
    case notificationsLate = "sends notifications late"
    // The NFS server and its host.
    case sick = "is found sick"
    case flapping = "is found sick and well in turn"
    case serverStops = "has its NFS server hang"
    case serverRestarts = "has its NFS server restarted by somebody"
    case daemonDies = "has a watched daemon die"
    case daemonStaysDead = "has a watched daemon die, and its restart fails"
    case overload = "has too much to do"
    case statusMonitorStops = "has its status monitor hang"
    case statusDirectoryVanishes = "has its status directory vanish"
    case recordsRetired = "has its records retired by sm-notify"
    case hintsLost = "loses inotify events"
    case calloutMissing = "has its callout removed"
    case stepFails = "has a step of its plans fail"
    case withdrawalFails = "can't withdraw a service"
    case fenceFails = "can't reach its fence"
    // Clients.
    case clientReboots = "reboots"
    case clientGone = "is off for long"
    case clientCut = "is cut off from its server"
    case everyClientReboots = "every client reboots"
    // Operators.
    case order = "an order to migrate"
    case forcedOrder = "a forced order to migrate"
    case failback = "a request to bring a service home"
    case offline = "a request to take a service offline"
    case online = "a request to bring a service online"
    case cancel = "a request is taken back"
    case pause = "the cluster is paused"
    case drain = "is drained"
    case thaw = "an operator thaws"
    case notifyAgain = "an operator has clients told again"
    case unhold = "an operator lets a held service go on"
    case definitionsDiffer = "has another node file"
  }

  /// What it is.
  public var kind: Kind
  /// When, in true microseconds.
  public var at: Int
  /// How long, in true microseconds; of no meaning to some.
  public var length: Int
  /// The node that it happens to; for an order the target.
  public var node: NodeName
  /// The service, where it is about one.
  public var service: ServiceName
  /// The client, where it is about one.
  public var client: ClientName?
  /// Percent, times, or whatever the kind counts.
  public var amount: Int
  /// One of ``ClusterShape/watchdog``, where it is about one.
  public var daemon = ""

  /// For people.
  public var description: String {
    let length = length >= Self.unending ? "" : " for " + DurationText.text(.milliseconds(length / 1000))
    return switch kind {
    case .clientReboots, .clientGone, .clientCut: "\(client?.text ?? "nobody") \(kind.rawValue)\(length)"
    case .daemonDies: "\(daemon) dies on \(node)"
    case .daemonStaysDead: "\(daemon) dies on \(node), and can't be started\(length)"
    case .order, .forcedOrder: "\(kind.rawValue) \(service) to \(node)"
    case .failback, .offline, .online, .cancel, .thaw, .notifyAgain, .unhold, .ownerKeyDamaged, .journalLost:
      "\(kind.rawValue): \(service)"
    case .everyMachineLosesPower, .everyNodeCutFromStore, .everyBeatVanishes, .everyClientReboots,
      .storeStops,
      .storeReadOnly, .storeFull, .storeVanishes, .storeSlow, .storeRestored, .storeRestoredByTheBook, .pause:
      "\(kind.rawValue)\(length)"
    case .callsLost, .callsLate, .answersLate, .answersLost, .callsTwice, .notificationsLost:
      "\(node) \(kind.rawValue) (\(amount) of 100)\(length)"
    case .stepFails: "\(node) fails in a step of its plans: \(failing.step.rawValue), \(failing.times) times"
    case _ where !kind.form.hasLength: "\(node) \(kind.rawValue)"
    default: "\(node) \(kind.rawValue)\(length)"
    }
  }
}
