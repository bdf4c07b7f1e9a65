import Cluster
import ClusterSimulator

/// The cluster as this node sees it, for a forecast.
extension NodeShell {
  func picture(of names: [ServiceName]) -> ClusterPicture {
    let now = BootInstant.now
    var picture = ClusterPicture(shape: configuration.clusterShape(of: names, clients: 0))
    // A request waits until it is known whether they live; it is foretold as if they did.
    var late: Set<NodeName> = []
    for node in picture.shape.nodes {
      picture.drains[node] = instance.drain(of: node)
      switch node == configuration.node ? nil : instance.peer(node)?.verdict ?? .unknown {
      case nil: if !instance.whyUnable(now: now).isEmpty { picture.silent.insert(node) }
      case .alive: break
      case .late: late.insert(node)
      case .unknown, .dead, .stopped: picture.silent.insert(node)
      }
    }
    picture.pause = instance.pause
    for name in names {
      let standing = instance.standing(of: name)
      picture.owners[name] = standing.ownership
      var queue = RequestQueue()
      for request in standing.requests { _ = queue.append(request) }
      if queue.first != nil { picture.requests[name] = queue }
      for (node, reasons) in instance.ineligible(name, now: now)
      where !picture.silent.contains(node) && !late.contains(node) && picture.drains[node] == nil {
        picture.refuse(name, on: node, because: reasons)
      }
    }
    return picture
  }
}
