import HostTestKit

/// NFS-Ganesha in the place of the kernel's NFS server.
extension Scenario {
  /// M7 B9
  static let crashOfGanesha = Scenario(
    name: "crash-ganesha", what: "the primary's power is cut; NFS-Ganesha serves on both servers",
    setting: Setting(recovery: .ganesha)
  ) { site in
    let held = try await site.begin()
    for server in [site.a, site.b] { try await site.expectGaneshaAlone(on: server) }
    try await site.a.powerCut()
    site.note("power of a is cut")
    var outcome = try await site.judgeAdoption(heldBefore: held)
    try await site.expectGaneshaAlone(on: site.b)
    outcome.problems += try await site.ledger(on: site.b, back: [site.holder], others: [site.asker])
    return outcome
  }
}

extension Site {
  /// No NFS server and no lock manager of the kernel has a part in it.
  fileprivate func expectGaneshaAlone(on server: Guest) async throws {
    try await server.run(
      """
      pidof ganesha.nfsd > /dev/null
      [ ! -e /proc/fs/nfsd/threads ]
      for name in /proc/[0-9]*/comm; do
          read -r comm < "$name" || continue
          [ "$comm" != lockd ] || { echo "the kernel's lockd runs"; exit 1; }
      done
      """)
  }
}
