/// Who must be mirrored.
extension NodeInstance {
  /// Why this node can't promise that a new record is kept for every service that is its own; empty when it can, also
  /// where none is.
  ///
  /// statd does not say for which service a client is recorded, so a record is kept for each that this node owns.
  ///
  /// - Parameter mirrored: the services whose mirror runs here.
  public func whyNotMirrored(besides mirrored: Set<ServiceName>) -> [String] {
    orderedServices.compactMap { name in
      guard !mirrored.contains(name) else { return nil }
      // What leaves the cluster is served by nobody.
      if case .plan(.closing)? = services[name]?.activity { return nil }
      let standing = standing(of: name)
      guard standing.hasBeenSeen else { return "who owns \(name) was not read from the store yet" }
      guard let ownership = standing.ownership, ownership.node == settings.node, ownership.state.isOwned
      else { return nil }
      return standing.isServedHere
        ? "the mirror of \(name) has not begun yet" : "this node had to give \(name) up"
    }
  }
}
