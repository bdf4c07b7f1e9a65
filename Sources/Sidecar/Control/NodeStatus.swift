/// What one node says of itself: `lockferry status` and `GET /status`.
public struct NodeStatus: Codable, Sendable, Equatable {
  /// The node's name.
  public var node: String
  /// `starting`, `running` or `stopping`.
  public var state: String
  /// Seconds since the daemon started.
  public var uptimeSeconds: Int
  /// The node's own health.
  public var health: Health
  /// How the shared store answers.
  public var store: Store
  /// The other nodes, by name.
  public var peers: [Peer]
  /// The services of the node file, in its order.
  public var services: [Service]
  /// Through what statd's records come here; nil where the daemon does not tell.
  public var callout: Callout?
  /// Plans of this node that have ended since the daemon began, by kind and outcome.
  public var plans: [PlanCount] = []
  /// Steps of this node's plans that were run since the daemon began.
  public var steps: [StepCount] = []
  /// What is said of nodes' health, and still counts.
  public var reports: [Report] = []
  /// The daemons that the node file has watched.
  public var watchdog: [Watched] = []
  /// The machine's own watchdog: `armed` or `off`; nil where the node file names none.
  public var selfFence: String?
  /// What the operator should know beyond the above; empty when all is well.
  public var warnings: [String]
  /// What this node does: `unknown`, `online` (serves what is at home here, or nothing, and could), `failover` (serves
  /// something adopted) or `offline` (serves nothing, and can't or must not).
  public var mode = "unknown"
  /// Services that are served here and are at home here.
  public var homeServices = 0
  /// Services that are served here and are at home elsewhere.
  public var adoptedServices = 0
  /// How often a service came into service here or left it since the daemon began.
  public var transitions = 0
  /// Set while the cluster is paused: nothing changes hands but to a node that an operator names.
  public var paused: Mark?
  /// Set while this node is drained: everything leaves it, and nothing comes.
  public var drained: Mark?

  /// What an operator has set until it is taken away.
  public struct Mark: Codable, Sendable, Equatable {
    /// Who.
    public var actor: String
    /// Why; may be empty.
    public var because: String
    /// Since when, wall clock, ISO 8601.
    public var since: String
  }

  /// The node's own health, judged locally.
  public struct Health: Codable, Sendable, Equatable {
    /// No probe has failed often enough to matter.
    public var healthy: Bool
    /// Beats are being written.
    public var beating: Bool
    /// Why not healthy or not beating; empty when both.
    public var reasons: [String]
    /// Milliseconds since the main loop last ran.
    public var loopAgeMilliseconds: Int
    /// Milliseconds without a run of the main loop after which liveness answers 503.
    public var loopLimitMilliseconds: Int
    /// How much later than it was due the main loop last ran, in milliseconds.
    public var loopLagMilliseconds = 0
    /// How often it ran so late that this node took nothing upon itself for a lease.
    public var timesLoopWasLate = 0
    /// Milliseconds since the last own beat that reached the store was sent; nil before the first one.
    public var beatAgeMilliseconds: Int?
    /// The last round of probes.
    public var probes: [Probe]
  }

  /// One probe's last answer.
  public struct Probe: Codable, Sendable, Equatable {
    /// `nfs v3 tcp on 127.0.0.1` or the command.
    public var subject: String
    /// It answered well.
    public var ok: Bool
    /// Failed rounds one after the other.
    public var failures: Int
    /// How long the last answer took.
    public var milliseconds: Int
    /// Why it failed.
    public var problem: String?
  }

  /// How the shared store answers.
  public struct Store: Codable, Sendable, Equatable {
    /// As the operator wrote it.
    public var location: String
    /// The last call succeeded.
    public var reachable: Bool
    /// Why not.
    public var problem: String?
    /// Milliseconds since the last call that succeeded; nil when none has.
    public var lastAnswerMilliseconds: Int?
    /// The calls since the daemon began: `read`, `list` and `commit`.
    public var calls: [StoreCalls] = []
  }

  /// Calls to the store of one kind.
  public struct StoreCalls: Codable, Sendable, Equatable {
    /// `read`, `list` or `commit`.
    public var operation: String
    /// How many.
    public var count: Int
    /// Of these, how many failed or took too long.
    public var failures: Int
    /// How long all of them took together.
    public var microseconds: Int
    /// How many took longer than the bound before and no longer than this one; the rest took longer than all of them.
    public var upTo: [Bucket]

    /// Calls that took about as long.
    public struct Bucket: Codable, Sendable, Equatable {
      /// The upper bound.
      public var milliseconds: Int
      /// How many.
      public var count: Int
    }
  }

  /// Plans that have ended in one way.
  public struct PlanCount: Codable, Sendable, Equatable {
    /// `adoption`, `opening`, `resumption`, `release` or `closing`.
    public var plan: String
    /// `done`, `gave_up`, `handed_on`, `began_anew`, `lost` or `stopped`.
    public var outcome: String
    /// How many.
    public var count: Int
  }

  /// One kind of step of one kind of plan.
  public struct StepCount: Codable, Sendable, Equatable {
    /// As in ``PlanCount/plan``.
    public var plan: String
    /// `fence`, `storage`, …
    public var step: String
    /// How often it was run, tries that failed among them.
    public var count = 0
    /// How often it failed.
    public var failures = 0
    /// How long all of them took together.
    public var milliseconds = 0
  }

  /// Another node as seen from here.
  public struct Peer: Codable, Sendable, Equatable {
    /// Its name.
    public var node: String
    /// `unknown` (no beat seen yet), `alive`, `late`, `dead` or `stopped` (daemon stopped on purpose).
    public var beat: String
    /// Beats missed one after the other.
    public var missedBeats: Int
    /// Milliseconds since its beat last changed, by this node's clock; nil when none was seen.
    public var lastBeatMilliseconds: Int?
    /// Where its service definitions differ from ours.
    public var disagreements: [String]
    /// It misses beats, but is seen serving: which service, and what answered.
    public var degraded: [String] = []
    /// Set while it is drained.
    public var drained: Mark?
  }

  /// A daemon of this machine.
  public struct Watched: Codable, Sendable, Equatable {
    /// As the node file calls it.
    public var name: String
    /// `starting`, `well`, `restarting` or `dead`.
    public var state: String
    /// How often it was restarted since this daemon started.
    public var restarts: Int
    /// Why its probe failed last; nil where it answered.
    public var problem: String?
  }

  /// What somebody says of a node's health.
  public struct Report: Codable, Sendable, Equatable {
    /// Of whom.
    public var node: String
    /// Who found out.
    public var source: String
    /// `unhealthy`, `overloaded` or `healthy`.
    public var state: String
    /// Why.
    public var because: String
    /// Who wrote it.
    public var actor: String
    /// When, wall clock, ISO 8601.
    public var at: String
    /// How long it still counts.
    public var secondsLeft: Int
  }

  /// One service as seen from here.
  public struct Service: Codable, Sendable, Equatable {
    /// Its name.
    public var service: String
    /// `unowned`, `adopting`, `online`, `withdrawn` (its owner had to stop serving it), `releasing`, `released`,
    /// `offline`, `closed` or `unknown` (store not read yet).
    public var state: String
    /// Who owns it.
    public var owner: String?
    /// The owner's epoch; 0 where it was never owned.
    public var epoch: Int
    /// Its home node.
    public var home: String
    /// Its candidates, best first.
    public var candidates: [String]
    /// This node could adopt it now.
    public var candidate: Bool
    /// Why not; empty when it could, or owns it.
    public var whyNotCandidate: [String]
    /// The service's addresses, without prefix length, `, ` between them.
    public var address: String?
    /// The running adoption or release.
    public var plan: Plan?
    /// The mirror of its records; on the owner only.
    public var mirror: Mirror?
    /// The last notification of its clients; on the node that told them only.
    public var notification: NotificationStatus?
    /// What became of its clients' locks after the last adoption; on the node that adopted it only.
    public var recovery: HistoryEntry.Recovery?
    /// What this node does for it: `online` (served here, at home), `failover` (served here, adopted) or `offline`.
    public var mode = "offline"
    /// How often it came into service here or left it since the daemon began.
    public var transitions = 0
    /// How often it came into service here.
    public var cameIntoService = 0
    /// How often it left service here.
    public var leftService = 0
    /// What is asked of it and has not ended, oldest first.
    public var requests: [Request] = []
    /// The candidates that would not take it by themselves now, each with its reasons; the owner is not among them.
    public var ineligible: [Ineligible] = []
    /// Why nobody can serve it; nil while somebody does.
    public var stranded: String?
    /// Why it isn't moved though its owner is silent or unwell; nil where nothing holds it.
    public var held: String?
    /// What this node bids for it; nil while it takes part in no vote.
    public var bid: Bid?
  }

  /// A bid in a vote.
  public struct Bid: Codable, Sendable, Equatable {
    /// Of which epoch it wants to be the owner.
    public var epoch: Int
    /// The highest wins.
    public var priority: Int
    /// The load average for each processor in percent: of equal priorities the lowest wins. Nil where it is unknown.
    public var loadPercent: Int?
  }

  /// A request that has not ended.
  public struct Request: Codable, Sendable, Equatable {
    /// Names it.
    public var id: String
    /// `migrate`, `failback`, `open`, `online`, `offline` or `close`.
    public var action: String
    /// Where to, of a migration.
    public var to: String?
    /// Who asks.
    public var actor: String
    /// Why; may be empty.
    public var because: String
    /// When, wall clock, ISO 8601.
    public var askedAt: String
  }

  /// A candidate that could not take a service now.
  public struct Ineligible: Codable, Sendable, Equatable {
    /// Its name.
    public var node: String
    /// Why.
    public var reasons: [String]
  }

  /// A running plan.
  public struct Plan: Codable, Sendable, Equatable {
    /// `adoption` or `release`.
    public var kind: String
    /// The step that runs now.
    public var step: String
    /// Steps done.
    public var done: Int
    /// Steps in all.
    public var steps: Int
    /// Why the last step failed and is being tried again.
    public var problem: String?
  }

  /// The mirror of one service's records.
  public struct Mirror: Codable, Sendable, Equatable {
    /// Where the records come from.
    public var statusDirectory: String
    /// Records in the status directory.
    public var recordsSeen: Int
    /// Of these, durable in the store as they are.
    public var recordsMirrored: Int
    /// Age of the oldest record that is not yet in the store; 0 when none is.
    public var lagMilliseconds: Int
    /// Records that the store keeps though the status directory no longer has them.
    public var retained: Int
    /// Departures waiting for their delay.
    public var departing: Int
    /// No record is deleted from the store now.
    public var frozen: Bool
    /// Why.
    public var frozenBecause: [String]
    /// Files that are not taken as records, and why.
    public var refused: [Refusal]
    /// Transactions with records since this node owns the service.
    public var commits: Int
    /// Records deleted from the store since this node owns the service.
    public var deletions = 0
    /// Why the last commit to the store failed.
    public var problem: String?
  }

  /// What `lockferry-callout` told since the daemon started.
  public struct Callout: Codable, Sendable, Equatable {
    /// `callout` where rpc.statd's callout has been heard, `inotify` where records are only seen once they are written.
    public var source = "inotify"
    /// Callouts can be heard.
    public var listening = false
    /// Where.
    public var socket: String
    /// New clients whose records were durable in the store before their locks were granted.
    public var durable = 0
    /// New clients whose records became durable when their callouts no longer waited.
    public var late = 0
    /// New clients whose locks were granted though the records were not in the store.
    public var notDurable = 0
    /// New clients while this node owned no service.
    public var notMirrored = 0
    /// Clients that statd forgot.
    public var departures = 0
    /// Hosts that said that they had restarted, known or not.
    public var restarts = 0
    /// Callouts that could not be delivered and were found in the spool.
    public var spooled = 0
    /// Connections of users that may not speak for statd, and messages that make no sense.
    public var refused = 0
    /// How long the last new client waited for the store, in milliseconds.
    public var lastMilliseconds: Int?
    /// Why callouts are not heard.
    public var problem: String?

    /// Nothing heard yet.
    public init(socket: String) {
      self.socket = socket
    }
  }

  /// A file that isn't taken as a record.
  public struct Refusal: Codable, Sendable, Equatable {
    /// Its name, made printable.
    public var name: String
    /// Why.
    public var reason: String
  }
}
