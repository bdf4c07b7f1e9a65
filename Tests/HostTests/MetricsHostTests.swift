import HostTestKit
import Testing

extension HostTests {
  /// T5, B1, B6: what a monitor reads of running daemons before and after a failover.
  @Suite("Metrics of running daemons") struct Metrics {
    @Test func aFailoverIsSeenInTheMetricsOfWhoAdopts() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        let service = "service=\"\(TwoServers.service)\""
        let before = try await site.primary.metrics()
        #expect(before["lockferry_mirror_records_mirrored{\(service)}"] == 1)
        #expect(before["lockferry_mirror_lag_seconds{\(service)}"] == 0)
        #expect(before["lockferry_service_mode{\(service),mode=\"online\"}"] == 1)
        #expect(before["lockferry_home_services"] == 1 && before["lockferry_adopted_services"] == 0)
        #expect((before["lockferry_store_call_duration_seconds_count{operation=\"commit\"}"] ?? 0) > 0)
        #expect(before["lockferry_beat_age_seconds"].map { (0..<60).contains($0) } == true)

        try await site.primary.powerCut()
        _ = try await listener.callback("the client is called back")
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        let after = try await site.adoptive.metrics()
        #expect(after["lockferry_service_mode{\(service),mode=\"failover\"}"] == 1)
        #expect((after["lockferry_service_transitions_total{\(service),to=\"failover\"}"] ?? 0) >= 1)
        #expect((after["lockferry_service_epoch{\(service)}"] ?? 0) >= 2)
        #expect(after["lockferry_service_owner{\(service),node=\"b\"}"] == 1)
        #expect((after["lockferry_plans_total{plan=\"adoption\",outcome=\"done\"}"] ?? 0) >= 1)
        #expect(
          (after["lockferry_plan_step_duration_seconds_count{plan=\"adoption\",step=\"notify\"}"] ?? 0) >= 1)
        #expect(after["lockferry_notification_clients{\(service),outcome=\"told\"}"] == 1)
        #expect(after["lockferry_notification_clients{\(service),outcome=\"untold\"}"] == 0)
        #expect(after["lockferry_peer_state{peer=\"a\",state=\"dead\"}"] == 1)
        #expect((after["lockferry_peer_missed_beats{peer=\"a\"}"] ?? 0) > 3)
      }
    }
  }
}
