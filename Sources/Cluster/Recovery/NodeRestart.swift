/// `recovery.server: restart-nfs` or `restart-lockd`: how a node's own NFS server gets into its grace period.
public enum NodeRestart: String, Sendable, CaseIterable {
  /// The whole NFS service.
  case nfs = "restart-nfs"
  /// Lock manager and status monitor alone.
  case lockManager = "restart-lockd"

  /// What is to be done on a node of which `facts` are known, in this order, and what stands against it.
  public func procedure(on facts: RecoveryFacts) -> RecoveryProcedure {
    switch self {
    case .nfs: RecoveryProcedure.ofServer(facts)
    case .lockManager: RecoveryProcedure.ofLockManager(facts)
    }
  }
}

extension RecoveryProcedure {
  static func ofServer(_ facts: RecoveryFacts) -> RecoveryProcedure {
    var refusals: [String] = []
    if facts.serverThreads == nil, !facts.isUnderSystemd {
      refusals.append(
        "the kernel has no NFS server to restart: /proc/fs/nfsd/threads can't be read. Load nfsd, and mount its file "
          + "system there")
    }
    if !facts.pins.isEmpty {
      refusals.append(
        "NFSv3 is mounted at \(facts.pins.joined(separator: ", ")): that keeps lockd up, and a restart of the NFS server "
          + "begins no grace period. Unmount it, or mount it by NFSv4 or with nolock")
    }
    let records = clients(facts.clients)
    let stop: String
    if let kernel = facts.kernel, kernel < .purgesRecords {
      stop = "all locks go with it, those of other clients as well; \(records), who are written down before"
    } else {
      stop =
        "all locks go with it, those of other clients as well, and from Linux \(KernelVersion.purgesRecords.text) on it "
        + "empties sm/; \(records), who are written down before"
    }
    let how = facts.isUnderSystemd ? "by systemd" : "by rpc.nfsd"
    var actions: [Action] = [
      Action(kind: .stopServer, why: "\(how): \(stop)"),
      Action(kind: .expectLockManagerDown, why: "a grace period begins only when lockd gets its first user"),
      Action(kind: .setGrace, why: "lockd reads its length when it begins"),
    ]
    // systemd's unit does so before it starts nfsd.
    if !facts.isUnderSystemd {
      actions.append(Action(kind: .export, why: "reclaims need the exports"))
    }
    actions += [
      Action(kind: .startServer, why: "\(how): its grace period begins"),
      Action(kind: .expectGrace, why: expectation(facts)),
    ]
    return RecoveryProcedure(actions: actions, refusals: refusals)
  }

  static func ofLockManager(_ facts: RecoveryFacts) -> RecoveryProcedure {
    var refusals: [String] = []
    if let kernel = facts.kernel, kernel < .takesNoSignal {
      if facts.serverThreads ?? 0 == 0 {
        refusals.append(
          "nfsd has no threads (/proc/fs/nfsd/threads): start the NFS server, or let restart-nfs do it")
      } else if !facts.seesLockManager {
        refusals.append(
          "the kernel's thread lockd can't be seen: is lockferry in a process namespace of its own?")
      }
      if !facts.isInFirstNamespace {
        refusals.append(
          "lockferry is not in the machine's first network namespace, the only one in which a killed lockd begins a "
            + "grace period")
      }
      if !facts.isolatedServices.isEmpty {
        refusals.append(
          "a killed lockd drops the locks of every network namespace, and only the first gets a grace period; isolated "
            + "here: \(facts.isolatedServices.joined(separator: ", "))")
      }
    } else {
      let kernel = facts.kernel.map { "Linux \($0.text)" } ?? "a kernel of unknown version"
      refusals.append(
        "\(kernel): from \(KernelVersion.takesNoSignal.text) on lockd takes no signal, and nothing else restarts it "
          + "alone; take restart-nfs or isolated")
    }
    let killed =
      "all locks go with it, those of other clients as well; \(clients(facts.clients)), who are told"
    return RecoveryProcedure(
      actions: [
        Action(kind: .setGrace, why: "lockd reads its length when it begins"),
        Action(kind: .export, why: "reclaims need the exports"),
        Action(
          kind: .restartStatusMonitor,
          why:
            "it reads its records when it starts; before the grace period, so that no reclaim meets it away"),
        Action(kind: .killLockManager, why: "SIGKILL begins a grace period; \(killed)"),
        Action(kind: .expectGrace, why: expectation(facts)),
      ], refusals: refusals)
  }

  private static func expectation(_ facts: RecoveryFacts) -> String {
    "reclaims are refused unless it runs (/proc/fs/lockd/nlm_end_grace)"
      + (facts.liftsGrace
        ? "; nfs.conf does not say lift-grace=n, so any sm-notify that has nobody to tell ends it" : "")
  }
}
