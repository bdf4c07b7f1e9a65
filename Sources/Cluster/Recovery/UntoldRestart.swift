public import StatusMonitor

/// A restart of an NFS server by which clients have lost their locks, and of which nobody tells them but lockferry: who is
/// left to be told, what, and until when that is of use.
public struct UntoldRestart: Sendable, Equatable {
  /// Where a service is, as far as telling its clients goes.
  public enum Whereabouts: Sendable, Equatable {
    /// A plan of it runs, or this daemon has not taken up yet what is its own.
    case unsettled
    /// Not online here: its clients' locks are not at this server.
    case elsewhere
    /// Online here.
    case online
  }

  /// For the operator.
  public let because: String
  /// What was restarted.
  public let server: ServerRestarts.Server
  /// Whoever was begun to be told since then was told of this restart.
  public let start: BootInstant
  /// Afterwards nothing can be reclaimed any more.
  public let due: BootInstant
  /// Services that have not been settled since.
  public private(set) var waiting: [ServiceName]
  /// What all of them are told.
  public private(set) var number: StateNumber?

  /// A restart that concerns `services`.
  public init(
    because: String, server: ServerRestarts.Server, start: BootInstant, due: BootInstant,
    services: [ServiceName]
  ) {
    (self.because, self.server, self.start, self.due) = (because, server, start, due)
    waiting = services
  }

  /// A look at those that wait.
  ///
  /// - Returns: those whose clients are to be told now, unless they have been, or there are none.
  public mutating func onLook(_ whereabouts: (ServiceName) -> Whereabouts) -> [ServiceName] {
    let found = waiting.map { ($0, whereabouts($0)) }
    waiting = found.filter { $0.1 == .unsettled }.map(\.0)
    return found.filter { $0.1 == .online }.map(\.0)
  }

  /// Whether what an earlier daemon has begun may be finished first, which chooses a number for all clients of the shared
  /// server: for half of the time that there is.
  public func waitsForOthers(at now: BootInstant) -> Bool {
    server == .shared && now < start + (due - start) / 2
  }

  /// Nobody is left to wait for, or it is too late.
  public func isOver(at now: BootInstant) -> Bool { waiting.isEmpty || now >= due }

  /// Whether clients whose last telling began at `moment` (nil: never) know of this restart.
  public func isKnown(toldAt moment: BootInstant?) -> Bool { moment.map { $0 >= start } ?? false }

  /// Others were told `number` of it at `moment`.
  public mutating func onTold(_ number: StateNumber, at moment: BootInstant) {
    if self.number == nil, isKnown(toldAt: moment) { self.number = number }
  }

  /// The next number of each service whose clients are to be told.
  ///
  /// - Returns: what all are told: a client of two services takes another number for another restart. nil where there is
  ///   none.
  public mutating func onNumbers(_ next: [StateNumber]) -> StateNumber? {
    number = number ?? next.max()
    return number
  }

  /// What is done when a service's clients could not be told.
  public enum AfterFailure: Sendable, Equatable {
    case tryAgain
    case giveUp
    /// It has moved meanwhile: whoever serves it there has told them, or does.
    case leaveToNextOwner
  }

  /// What is done when the clients of a service could not be told.
  ///
  /// - Parameters:
  ///   - isForGood: the error does not pass by itself, as long as the service is here.
  ///   - whereabouts: where the service is by now.
  public func afterFailure(
    isForGood: Bool, at whereabouts: Whereabouts, now: BootInstant
  ) -> AfterFailure {
    switch whereabouts {
    case .elsewhere: .leaveToNextOwner
    case .unsettled: now < due ? .tryAgain : .giveUp
    case .online: now < due && !isForGood ? .tryAgain : .giveUp
    }
  }
}

extension NodeInstance {
  /// Where `service` is.
  ///
  /// - Parameter isBusy: a plan of it runs here, or it is being given up.
  public func whereabouts(of service: ServiceName, isBusy: Bool) -> UntoldRestart.Whereabouts {
    let standing = standing(of: service)
    if isServing(service), standing.ownership?.state == .online, !isBusy { return .online }
    // What the store calls ours this daemon may not have taken up yet.
    let isOurs = isServing(service) || standing.ownership?.node == settings.node
    return standing.hasBeenSeen && !isOurs ? .elsewhere : .unsettled
  }
}
