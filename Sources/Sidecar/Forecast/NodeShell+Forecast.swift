import Cluster
import ClusterSimulator

/// The cluster as this node sees it, for a forecast.
extension NodeShell {
  func picture(of names: [ServiceName]) -> ClusterPicture {
    let now = BootInstant.now
    var picture = ClusterPicture(shape: configuration.clusterShape(of: names, clients: 0))
    for node in picture.shape.nodes {
      let beats =
        node == configuration.node
        ? instance.whyUnable(now: now).isEmpty : instance.peer(node)?.verdict == .alive
      if !beats { picture.silent.insert(node) }
      picture.drains[node] = instance.drain(of: node)
    }
    picture.pause = instance.pause
    for name in names {
      let standing = instance.standing(of: name)
      picture.owners[name] = standing.ownership
      var queue = RequestQueue()
      for request in standing.requests { _ = queue.append(request) }
      if queue.first != nil { picture.requests[name] = queue }
      for (node, reasons) in instance.ineligible(name, now: now)
      where !picture.silent.contains(node) && picture.drains[node] == nil {
        picture.refuse(name, on: node, because: reasons)
      }
    }
    return picture
  }
}
