import Cluster
import StatusMonitor

/// What is written after the name of a kind of fault.
struct FaultForm: Equatable {
  /// To whom it happens.
  enum Subject: String { case everything, node, service, client }

  var subject: Subject
  /// `to NODE`
  var hasTarget = false
  /// `30%`
  var hasPercent = false
  /// `storage 3x`: a step of a plan, and how often it fails.
  var hasStep = false
  /// `statd on`: a daemon of the node file's watchdog, before the node.
  var hasDaemon = false
  /// `for 5s`
  var hasLength = false
}

extension Fault.Kind {
  /// What it takes.
  var form: FaultForm {
    switch self {
    case .powerCut, .machinePause, .guestPause, .daemonKill, .daemonStop, .daemonFreeze, .staleReads,
      .cutFromStore, .cutFromPeers, .isolated, .cutFromClients, .notificationsTwice, .notificationsLate,
      .sick,
      .serverStops,
      .statusMonitorStops, .statusDirectoryVanishes, .hintsLost, .calloutMissing, .withdrawalFails,
      .fenceFails, .overload,
      .drain, .definitionsDiffer:
      FaultForm(subject: .node, hasLength: true)
    case .reset, .wallClockStep, .daemonCrashLoop, .beatVanishes, .flapping, .recordsRetired:
      FaultForm(subject: .node)
    case .clockDrift, .serverRestarts: FaultForm(subject: .node, hasPercent: true)
    case .callsLost, .callsLate, .answersLate, .answersLost, .callsTwice, .notificationsLost:
      FaultForm(subject: .node, hasPercent: true, hasLength: true)
    case .stepFails: FaultForm(subject: .node, hasStep: true)
    case .daemonDies: FaultForm(subject: .node, hasDaemon: true)
    case .daemonStaysDead: FaultForm(subject: .node, hasDaemon: true, hasLength: true)
    case .everyMachineLosesPower, .storeStops, .storeReadOnly, .storeFull, .storeVanishes,
      .everyNodeCutFromStore,
      .everyClientReboots, .pause:
      FaultForm(subject: .everything, hasLength: true)
    case .storeSlow, .storeRestoredByTheBook:
      FaultForm(subject: .everything, hasPercent: true, hasLength: true)
    case .storeRestored: FaultForm(subject: .everything, hasPercent: true)
    case .everyBeatVanishes: FaultForm(subject: .everything)
    case .ownerKeyDamaged: FaultForm(subject: .service, hasLength: true)
    case .journalLost, .failback, .offline, .online, .cancel, .thaw, .notifyAgain, .unhold:
      FaultForm(subject: .service)
    case .order, .forcedOrder: FaultForm(subject: .service, hasTarget: true)
    case .clientReboots, .clientGone, .clientCut: FaultForm(subject: .client, hasLength: true)
    }
  }

  /// As it is written: `power-cut`, `migrate`.
  public var word: String {
    switch self {
    case .order: return "migrate"
    case .forcedOrder: return "force-migrate"
    default: break
    }
    var word = ""
    for character in "\(self)" {
      if character.isUppercase { word += "-" }
      word += character.lowercased()
    }
    return word
  }

  /// How it is written: `power-cut NODE at TIME [for TIME]`.
  public var usage: String {
    let form = form
    var text = word
    if form.hasDaemon { text += " DAEMON on" }
    if form.subject != .everything { text += " \(form.subject.rawValue.uppercased())" }
    if form.hasTarget { text += " to NODE" }
    if form.hasStep { text += " STEP [Nx]" }
    if form.hasPercent { text += " [N%]" }
    return text + " at TIME" + (form.hasLength ? " [for TIME]" : "")
  }

  /// One that `shape` could have: `power-cut a at 10s for 30s`.
  func example(in shape: ClusterShape) -> String {
    let form = form
    var text = word
    if form.hasDaemon { text += " \(shape.watchdog.first?.name ?? "statd") on" }
    switch form.subject {
    case .everything: break
    case .node: text += " \(shape.nodes.first?.text ?? "a")"
    case .service: text += " \(shape.services.first?.name.text ?? "home")"
    case .client: text += " \(shape.clients.first?.name.text ?? "home-client1")"
    }
    if form.hasTarget { text += " to \(shape.nodes.last?.text ?? "b")" }
    if form.hasStep { text += " storage 3x" }
    if form.hasPercent { text += " 30%" }
    return text + " at 10s" + (form.hasLength ? " for 30s" : "")
  }
}
