import HostTestKit

/// Nobody fails and nothing moves, and yet every lock is gone.
extension Scenario {
  static let serverRestarts = Scenario(
    name: "nfsd-restarts", what: "somebody restarts the NFS server of the owner, and tells nobody",
    otherRecoveries: [.isolated], isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.a.run("in_service $lab_bin/rpc.nfsd 0; in_service $lab_bin/rpc.nfsd 8")
    site.note("the NFS server of a was restarted")
    var outcome = try await site.judge(on: site.a, heldBefore: held)
    if !site.isByHand {
      let service = try await site.status(of: site.a).service("home")
      if service?.owner != "a" || service?.epoch != 1 {
        outcome.problems.append(
          "the service has moved: \(service?.owner ?? "nobody"), epoch \(service?.epoch ?? 0)")
      }
    }
    return outcome
  }
}
