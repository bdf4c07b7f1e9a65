import Foundation

// What the programs print as JSON, as far as tests and the demo read it: an operator's view of the interface, on
// purpose not the product's own types.

/// `lockferry status -o json`
public struct StatusAnswer: Decodable, Sendable {
  /// The node.
  public let node: String
  /// `starting`, `running` or `stopping`.
  public let state: String
  /// The node's health.
  public let health: Health
  /// The store.
  public let store: Store
  /// The other nodes.
  public let peers: [Peer]
  /// The services.
  public let services: [Service]
  /// What statd's callout told.
  public let callout: Callout?
  /// The watched daemons.
  public let watchdog: [Watched]
  /// `armed` or `off`.
  public let selfFence: String?
  /// What the operator should know.
  public let warnings: [String]
  /// `unknown`, `online`, `failover` or `offline`.
  public let mode: String
  /// Services served here whose home is here.
  public let homeServices: Int
  /// Services served here whose home is elsewhere.
  public let adoptedServices: Int
  /// How often a service came or went.
  public let transitions: Int
  /// Set while the cluster is paused.
  public let paused: Mark?
  /// Set while the node is drained.
  public let drained: Mark?

  /// What an operator has set.
  public struct Mark: Decodable, Sendable {
    /// Who.
    public let actor: String
    /// Why.
    public let because: String
    /// Since when.
    public let since: String
  }

  /// A watched daemon.
  public struct Watched: Decodable, Sendable {
    /// Its name.
    public let name: String
    /// `starting`, `well`, `restarting` or `dead`.
    public let state: String
    /// How often it was restarted.
    public let restarts: Int
  }

  /// What statd's callout told.
  public struct Callout: Decodable, Sendable {
    /// `callout` or `inotify`.
    public let source: String
    /// Callouts can be heard.
    public let listening: Bool
    /// Records that were durable before their locks were granted.
    public let durable: Int
    /// Durable, but too late.
    public let late: Int
    /// Not durable.
    public let notDurable: Int
    /// While the node owned nothing.
    public let notMirrored: Int
    /// Clients that statd forgot.
    public let departures: Int
    /// Hosts that said that they had restarted.
    public let restarts: Int
    /// Found in the spool.
    public let spooled: Int
    /// Refused.
    public let refused: Int
  }

  /// The node's health.
  public struct Health: Decodable, Sendable {
    /// No probe has failed too often.
    public let healthy: Bool
    /// Beats are written.
    public let beating: Bool
    /// Why not.
    public let reasons: [String]
  }

  /// The store.
  public struct Store: Decodable, Sendable {
    /// The last call succeeded.
    public let reachable: Bool
    /// Why not.
    public let problem: String?
  }

  /// Another node.
  public struct Peer: Decodable, Sendable {
    /// Its name.
    public let node: String
    /// `unknown`, `alive`, `late`, `dead` or `stopped`.
    public let beat: String
    /// Why it is not taken for dead.
    public let degraded: [String]
  }

  /// One service.
  public struct Service: Decodable, Sendable {
    /// Its name.
    public let service: String
    /// `unowned`, `adopting`, `online`, `releasing`, `released`, `offline`, `closed` or `unknown`.
    public let state: String
    /// Its owner.
    public let owner: String?
    /// The owner's epoch.
    public let epoch: Int
    /// This node could adopt it now.
    public let candidate: Bool
    /// The plan that runs.
    public let plan: Plan?
    /// The mirror, on the owner.
    public let mirror: Mirror?
    /// `online`, `failover` or `offline`: what the node does for it.
    public let mode: String
    /// What is asked of it and has not ended.
    public let requests: [Request]
    /// Who could not take it now, and why.
    public let ineligible: [Ineligible]
    /// Why nobody can serve it.
    public let stranded: String?
    /// Why it is not moved.
    public let held: String?

    /// Why `node` could not take it now; empty where it could.
    public func reasons(against node: String) -> [String] {
      ineligible.first { $0.node == node }?.reasons ?? []
    }
  }

  /// A request that has not ended.
  public struct Request: Decodable, Sendable {
    /// Names it.
    public let id: String
    /// `migrate`, `offline`, …
    public let action: String
  }

  /// A candidate that could not take a service now.
  public struct Ineligible: Decodable, Sendable {
    /// Its name.
    public let node: String
    /// Why.
    public let reasons: [String]
  }

  /// A running plan.
  public struct Plan: Decodable, Sendable {
    /// `adoption` or `release`.
    public let kind: String
    /// The step that runs.
    public let step: String
    /// Why it failed the last time.
    public let problem: String?
  }

  /// The mirror of a service.
  public struct Mirror: Decodable, Sendable {
    /// Records in the status directory.
    public let recordsSeen: Int
    /// Of these, in the store.
    public let recordsMirrored: Int
    /// Age of the oldest that is not.
    public let lagMilliseconds: Int
    /// In the store without a file, and kept.
    public let retained: Int
    /// Seen to leave, and deleted from the store when they have been away for long enough.
    public let departing: Int
    /// Deletions wait.
    public let frozen: Bool
    /// Files that are no records.
    public let refused: [Refusal]
    /// Transactions with records.
    public let commits: Int
    /// Why the last commit failed.
    public let problem: String?
  }

  /// A file that is no record.
  public struct Refusal: Decodable, Sendable {
    /// Its name.
    public let name: String
    /// Why.
    public let reason: String
  }

  /// The service `name`; nil where the node does not know it.
  public func service(_ name: String) -> Service? { services.first { $0.service == name } }

  /// The node `name` as seen from here; nil where this node does not know it.
  public func peer(_ name: String) -> Peer? { peers.first { $0.node == name } }
}

/// One entry of `lockferry records -o json`.
public struct RecordAnswer: Decodable, Sendable {
  /// The client.
  public let client: String
  /// `mirrored`, `pending`, `departing` or `retained`.
  public let state: String
  /// When the client last said that it had restarted.
  public let lastRestart: Restart?

  /// A client's word that it has restarted.
  public struct Restart: Decodable, Sendable {
    /// The state number that it told.
    public let state: Int?
    /// From which address.
    public let source: String
  }
}

/// `lockferry doctor -o json`
public struct DoctorAnswer: Decodable, Sendable {
  /// One check.
  public struct Check: Decodable, Sendable {
    /// Its name.
    public let check: String
    /// `ok`, `failed` or `skipped`.
    public let result: String
    /// What was found.
    public let detail: String
    /// What to do.
    public let remedy: String?
  }
  /// All of them.
  public let checks: [Check]
}

/// One line of `nsm-peer monitor-many --each`.
public struct RegistrationAnswer: Decodable, Sendable {
  /// The peer that is monitored now.
  public let monName: String
  /// How long the status monitor took.
  public let nanoseconds: Int64
}

/// `lockferry migrate`, `failback` and `service … -o json`
public struct RequestAnswer: Decodable, Sendable {
  /// Names it.
  public let id: String
  /// `planned`, `pending`, `running`, `done` or `failed`.
  public let state: String
  /// Why it failed.
  public let problem: String?
}

/// `lockferry notify -o json`
public struct NotifyAnswer: Decodable, Sendable {
  /// The number that clients were told.
  public let stateNumber: Int
  /// The names under which they were told.
  public let names: [String]
  /// How many were to be told.
  public let all: Int
  /// How many answered to all of it.
  public let told: Int
  /// Everybody.
  public let clients: [Client]

  /// One client.
  public struct Client: Decodable, Sendable {
    /// The record's name.
    public let client: String
    /// It answered to everything.
    public let told: Bool
    /// What went wrong.
    public let problem: String?
    /// How often it was tried.
    public let attempts: Int?
  }
}

/// One line of `nsm-peer listen`: the status monitor called back the program that had registered.
public struct Callback: Decodable, Sendable {
  /// The name under which the host is monitored whose state has changed.
  public let monName: String
  /// That host's new state number.
  public let state: Int
  /// CLOCK_BOOTTIME at the callback, in nanoseconds.
  public let bootNs: Int64
}

/// `nsm-peer monitor`
public struct MonitorAnswer: Decodable, Sendable {
  /// `success`, or why not.
  public let result: String
  /// The state number of the status monitor that answered.
  public let state: Int
}

/// Decodes what a program printed; keys may be written in either of JSON's usual ways.
func answer<Value: Decodable>(_ type: Value.Type, from text: String, of program: String) throws -> Value {
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  do {
    return try decoder.decode(type, from: Data(text.utf8))
  } catch {
    throw HostTestError("\(program) printed what can't be read (\(error)): \(text.prefix(2000))")
  }
}
