import HostTestKit
import Testing

extension HostTests {
  /// M2 B1: whatever statd has answered is in the store, whenever the power goes.
  @Suite("Power cuts under a stream of registrations") struct CalloutPowerCut {
    /// How often; `make soak-callout` says 500.
    private static let rounds = CalloutSite.powerCuts ?? 24

    /// Every process of the host gets SIGKILL at once: rpc.statd, the daemon, rpcbind, a callout if one runs. That is a
    /// power cut without the loss of what the kernel had not written yet; the store's own tests stand for its fsync.
    @Test(.timeLimit(.minutes(120)))
    func everyClientWhoseRegistrationWasAnsweredIsInTheStore() async throws {
      var generator = SystemRandomNumberGenerator()
      try await withTestNetwork { network in
        // A busy machine must not turn a late answer into a lost one: that is another promise.
        let site = try await CalloutSite(in: network) { $0.callout = "{limit: 30s}" }
        var (answered, unanswered) = (0, 0)
        for round in 1...Self.rounds {
          try await site.startStatusMonitor()
          try await site.startDaemon()
          let stream = try await site.server.startRegistering(100_000, as: CalloutSite.serverName)
          try await eventually("somebody is registered") { !stream.output.isEmpty }
          try await Task.sleep(for: .microseconds(Int.random(in: 0...600_000, using: &generator)))
          try await site.server.powerCut()
          let clients = try TestHost.registrations(in: stream.output).map(\.monName)
          answered += clients.count
          unanswered += site.server.recordNames.count - clients.count
          for client in clients where !site.isDurable(client) {
            Issue.record("round \(round): \(client) was answered and is not in the store")
          }
          // What an adoption does with records is shown elsewhere.
          try site.forgetEverything()
          if round < Self.rounds { try await site.server.powerOn() }
        }
        note("\(Self.rounds) power cuts: \(answered) answered, \(unanswered) written and not answered")
        #expect(answered >= Self.rounds)
      }
    }
  }
}
