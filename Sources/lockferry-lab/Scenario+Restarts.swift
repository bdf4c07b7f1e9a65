import HostTestKit

/// Nobody fails and nothing moves, and yet every lock is gone.
extension Scenario {
  static let serverRestarts = Scenario(
    name: "nfsd-restarts", what: "somebody restarts the NFS server of the owner, and tells nobody",
    otherRecoveries: [.isolated], isCompared: true
  ) { site in
    let held = try await site.begin()
    try await site.a.run("in_service sh -c \"$lab_bin/rpc.nfsd 0; $lab_bin/rpc.nfsd 8\"")
    site.note("the NFS server of a was restarted")
    // Before Linux 6.4 the kernel goes on showing an isolated service's locks of before, where anything else keeps lockd
    // running (`nlm_shutdown_hosts_net` in fs/lockd/host.c drops none): they do not tell when the holder has reclaimed. So
    // the period ends by itself.
    try await site.waitUntilGraceIsEnded(on: site.a)
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
