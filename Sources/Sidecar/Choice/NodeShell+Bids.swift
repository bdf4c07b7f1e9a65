import Cluster
import Logging
import NodeHost
import SharedStore

/// Bids in the store, for services whose candidates vote.
extension NodeShell {
  /// With the load of this moment. Losing it to a power cut costs a vote its best bidder, who is off then.
  func place(_ placement: BidPlacement) async {
    let load = LoadAverage.forEachProcessor.flatMap(Load.init(average:))
    let bid = placement.bid(load: load)
    let outcome: BidOutcome
    do {
      let key = try ClusterKeys.bid(placement.service, epoch: placement.epoch, configuration.node)
      switch try await store.commit(
        StoreTransaction(
          comparisons: [.init(try ClusterKeys.owner(placement.service), equals: placement.owner)],
          writes: [.init(key, bid.bytes)], durability: .visible),
        within: configuration.beats.storeTimeout)
      {
      case .committed: outcome = .placed
      case .conflict: outcome = .tooLate
      }
    } catch {
      log.debug("a bid is not in the store yet", metadata: ["error": "\(error)"])
      outcome = .failed
    }
    log.info(
      "bid",
      metadata: [
        "service": "\(placement.service)", "epoch": "\(placement.epoch)", "priority": "\(bid.priority)",
        "load_percent": "\(load.map { String($0.percent) } ?? "unknown")", "outcome": "\(outcome)",
      ])
    await carryOut(instance.onBid(placement, load: load, outcome, now: .now))
  }

  /// One that stays does no harm: it counts for its own occasion alone, and the next claim removes it.
  func withdrawBid(_ service: ServiceName, epoch: UInt64) async {
    // There may be a new one by now.
    guard !instance.polls.contains(where: { $0.service == service && $0.epoch == epoch }) else { return }
    do {
      let key = try ClusterKeys.bid(service, epoch: epoch, configuration.node)
      _ = try await store.commit(
        StoreTransaction(writes: [.init(key, nil)], durability: .visible),
        within: configuration.beats.storeTimeout)
    } catch {
      log.debug("a bid stays in the store", metadata: ["service": "\(service)", "error": "\(error)"])
    }
  }

  /// The bids that a look has to show.
  func bidKeys() throws(StoreError) -> [(service: ServiceName, node: NodeName, key: StoreKey)] {
    var keys: [(service: ServiceName, node: NodeName, key: StoreKey)] = []
    for poll in instance.polls {
      for node in poll.candidates {
        keys.append((poll.service, node, try ClusterKeys.bid(poll.service, epoch: poll.epoch, node)))
      }
    }
    return keys
  }

  /// The bids that end with `transition`.
  func bidKeys(of transition: Transition) throws(StoreError) -> [StoreKey] {
    let service = configuration.services.first { $0.name == transition.service }
    var keys: [StoreKey] = []
    for node in service?.candidates ?? [] {
      keys.append(try ClusterKeys.bid(transition.service, epoch: transition.ownership.epoch, node))
    }
    return keys
  }
}
