/// What must hold whatever happens.
public enum Invariant: String, Sendable, CaseIterable {
  /// At most one node serves a service.
  case oneServer = "at most one node serves a service"
  /// A record in the store stays until its client has left or was told.
  case recordIsKept = "no acknowledged record is lost before its client was told"
  /// What a departure has deleted no older write brings back.
  case departedStaysGone = "no record comes back after its client has left"
  /// No lock is granted while another client could still reclaim it.
  case noLockTwice = "no lock is granted against one that could still be reclaimed"
  /// A number that a client was told is never told it again for another start of its server.
  case newNumbers = "state numbers told to a client never repeat"
  /// Each owner key's epoch is that before or the next.
  case epochsGrow = "epochs only grow"
  /// Nobody claims by itself while the cluster is paused.
  case pauseHolds = "a paused cluster adopts nothing"
  /// An order is answered, once.
  case ordersEndOnce = "every request ends exactly once"
  /// No node takes itself for another.
  case oneName = "a node knows its own beat"
  /// When faults stop: one owner, online, that knows it.
  case servedInTheEnd = "when faults stop, everything is served within a bound"
  /// When faults stop: who believes to hold a lock holds it.
  case toldInTheEnd = "when faults stop, every surviving client was told"
}

/// A case in which an invariant can't hold, and docs/failure-model.md says so. Each is counted.
public enum Permission: String, Sendable, CaseIterable {
  /// Two serve: a machine was paused or without daemon, or could not withdraw, and no fence was there to stop it.
  case unfencedOwner = "an owner that could not stop in time, without a fence"
  /// A lock whose record had not reached the store when its server died.
  case notDurableYet = "the record had not reached the store"
  /// A record that sm-notify told and removed while no daemon knew it and the store had none.
  case retiredUnseen = "sm-notify had removed the record before anybody could mirror it"
  /// A client that could not be reached during the grace period.
  case clientAway = "the client could not be reached during the grace period"
  /// A client that had restarted, of which its server heard late.
  case clientRestarted = "the client's restart was heard late, and its server freed what it had taken since"
  /// A server or status monitor that hung while clients reclaimed: no lock is granted before statd has its client.
  case serverHung = "the NFS server or its status monitor hung while clients reclaimed"
  /// The NFS server was restarted by somebody else.
  case restartedOutside = "somebody else restarted the NFS server"
  /// The daemon was dead or stood still after its adoption had begun a grace period and before clients were told.
  case adoptionInterrupted = "nobody watched the grace period of an adoption"
  /// The store was restored from an old copy.
  case storeRestored = "the store was restored from an old copy"
}

/// A broken invariant.
public struct Violation: Sendable, Equatable, CustomStringConvertible {
  /// Which.
  public var invariant: Invariant
  /// When, in true milliseconds.
  public var at: Int
  /// What happened.
  public var text: String
  /// The store had been restored from an old copy: what follows is permitted, and the run ends.
  var isPermitted = false

  /// For people.
  public var description: String { "\(invariant.rawValue) — broken after \(at) ms: \(text)" }
}
