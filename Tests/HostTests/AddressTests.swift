import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// Who has a service's address, by real kernels' ARP and neighbour discovery.
  @Suite("The addresses of a service") struct Addresses {
    /// B5: an owner that is taken for dead and answers for its address still is not dead.
    @Test func aServiceWhoseAddressAnotherMachineHasIsNotAdoptedUntilThatIsGone() async throws {
      try await withTwoServers { site in
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        let seen = try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)

        try await site.client.run(["ip", "address", "add", "\(TwoServers.address)/24", "dev", "eth0"])
          .orThrow()
        try await site.primary.powerCut()
        let hardware = try await site.client.hardwareAddress()
        try await eventually("b says who has the address") {
          let plan = try await site.adoptive.status().service(TwoServers.service)?.plan
          return plan?.problem?.contains(hardware) == true
        }
        // Before anything was attached.
        let service = try #require(try await site.adoptive.status().service(TwoServers.service))
        #expect(service.plan?.step == "storage" && service.state == "adopting")
        try await always(for: .seconds(3), "b does not take it") {
          try await !site.adoptive.has(address: TwoServers.address)
        }

        try await site.client.run(["ip", "address", "delete", "\(TwoServers.address)/24", "dev", "eth0"])
          .orThrow()
        try await site.waitUntil(site.adoptive, owns: TwoServers.service)
        #expect(try await listener.callback("the client is called back").state > seen)
        let entry = try await site.adoption(by: site.adoptive)
        let step = try #require(entry.steps.first { $0.step == "address" })
        #expect(step.detail == "\(TwoServers.address)/24 on eth0, nobody else has it, announced")
      }
    }

    /// T7: all of them, in every direction.
    @Test func aServiceMovesWithAllItsAddresses() async throws {
      let addresses = [TwoServers.address, "10.77.0.11", "fd77::10"]
      try await withTwoServers({ file in
        file.services[0].address = "[\(addresses[0])/24, \(addresses[1])/24, \(addresses[2])/64]"
      }) { site in
        func here(_ host: TestHost) async throws -> [String] {
          var here: [String] = []
          for address in addresses where try await host.has(address: address) { here.append(address) }
          return here
        }
        try await site.startDaemons()
        let listener = try await site.client.listen(callbacks: 1)
        try await site.firstLock(on: site.primary)
        try await site.waitUntilMirrored(site.primary, records: 1)
        #expect(try await here(site.primary) == addresses)

        try await site.primary.lockferry("migrate", TwoServers.service, "--to", "b", "--wait").orThrow()
        #expect(try await here(site.adoptive) == addresses)
        #expect(try await here(site.primary).isEmpty)
        _ = try await listener.callback("the client is called back")
        try await site.adoptive.powerCut()
        try await site.waitUntil(site.primary, owns: TwoServers.service)
        #expect(try await here(site.primary) == addresses)
      }
    }
  }
}
