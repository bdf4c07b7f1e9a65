import Testing

@testable import NodeHost

// Needs root and ip for network namespaces of its own: both machines are real kernels.
@Suite(
  "An address that another machine has (B5, T7)", .enabled(if: canMakeNamespaces), .timeLimit(.minutes(30)))
struct DuplicateAddressTests {
  /// So long that whatever is waited for comes before the end.
  private let patient = AddressProbing(count: 10, interval: .seconds(1))

  @Test(
    "It isn't taken, and the message tells its holder's hardware address",
    arguments: ["192.0.2.10", "2001:db8::10"])
  func isThere(address: String) async throws {
    try await Cable.with { cable in
      try await cable.clientLink(address).take(probing: .none)
      let holder = try await cable.hardwareAddress(of: cable.client)
      let link = try cable.link(address)
      for _ in 1...2 {
        let error = await #expect(throws: NodeHostError.self) { try await link.take() }
        #expect(error?.code == .duplicate)
        #expect(error?.message.contains(holder) == true, "\(error?.message ?? "")")
        #expect(try await !link.isPresent())
      }
      let asked = await #expect(throws: NodeHostError.self) {
        try await link.expectFree(probing: AddressProbing.usual.once)
      }
      #expect(asked?.code == .duplicate)
      // The holder has noticed nothing.
      #expect(try await cable.clientLink(address).isPresent())
      // And gives it up.
      try await cable.clientLink(address).release()
      #expect(try await link.take() == .asked(3))
    }
  }

  @Test("It is heard when it appears while one asks", arguments: ["192.0.2.10", "2001:db8::10"])
  func appears(address: String) async throws {
    try await Cable.with { cable in
      let link = try cable.link(address)
      let holder = try await cable.hardwareAddress(of: cable.client)
      async let taking = failure { try await link.take(probing: patient) }
      try await eventually("the server asks") { try await cable.hears(cable.serverPath) }
      try await cable.clientLink(address).take(probing: .none)
      let error = await taking
      #expect(error?.code == .duplicate)
      #expect(error?.message.contains(holder) == true, "\(error?.message ?? "")")
      #expect(try await !link.isPresent())
    }
  }

  @Test("Of two that ask at the same time one at most takes it", arguments: ["192.0.2.10", "2001:db8::10"])
  func race(address: String) async throws {
    try await Cable.with { cable in
      let (here, there) = (try cable.link(address), try cable.clientLink(address))
      async let first = failure { try await here.take(probing: patient) }
      try await eventually("the server asks") { try await cable.hears(cable.serverPath) }
      async let second = failure { try await there.take(probing: AddressProbing.usual) }
      let errors = await [first, second]
      #expect(errors.contains { $0?.code == .duplicate }, "\(errors)")
      #expect(errors[0]?.message.contains("is about to take") == true, "\(errors)")
      let holders = try await [here.isPresent(), there.isPresent()]
      #expect(!(holders[0] && holders[1]))
    }
  }

  @Test(
    "A machine that has it as well is found while it is announced", arguments: ["192.0.2.10", "2001:db8::10"])
  func both(address: String) async throws {
    try await Cable.with { cable in
      try await cable.clientLink(address).take(probing: .none)
      let link = try cable.link(address)
      #expect(try await link.take(probing: .none) == .unasked)
      let error = await #expect(throws: NodeHostError.self) {
        try await link.announceAgain(AddressAnnouncing(count: 10, interval: .seconds(1)))
      }
      #expect(error?.code == .duplicate)
      #expect(error?.message.contains(try await cable.hardwareAddress(of: cable.client)) == true)
    }
  }

  @Test("All addresses of a service come, or none does")
  func several() async throws {
    try await Cable.with { cable in
      let service = ServiceAddresses([try cable.link("192.0.2.10"), try cable.link("2001:db8::10")])
      try await cable.clientLink("2001:db8::10").take(probing: .none)
      let error = await #expect(throws: NodeHostError.self) { try await service.take(probing: .usual) }
      #expect(error?.code == .duplicate)
      #expect(try await service.present().isEmpty)

      try await cable.clientLink("2001:db8::10").release()
      #expect(try await service.take(probing: .usual) == [.asked(3), .asked(3)])
      #expect(try await service.take(probing: .usual) == [.wasHere, .wasHere])
      #expect(try await service.present().map(\.address) == ["192.0.2.10", "2001:db8::10"])
      try await service.announce()
      #expect(service.text == "192.0.2.10/24 and 2001:db8::10/64 on lf0")

      // What was here before stays when another can't be had.
      try await service.links[1].release()
      try await cable.clientLink("2001:db8::10").take(probing: .none)
      await #expect(throws: NodeHostError.self) { try await service.take(probing: .usual) }
      #expect(try await service.present().map(\.address) == ["192.0.2.10"])
      try await service.release()
      #expect(try await service.present().isEmpty)
    }
  }

  private func failure(
    _ body: @Sendable () async throws -> ServiceAddressLink.Taking
  ) async -> NodeHostError? {
    do {
      _ = try await body()
      return nil
    } catch {
      return error as? NodeHostError
    }
  }
}

extension Cable {
  /// A packet socket is open in the namespace: somebody hears his neighbours.
  fileprivate func hears(_ namespace: String) async throws -> Bool {
    let outcome = await HostCommand.run(
      ["/bin/cat", "/proc/net/packet"], within: .seconds(60), networkNamespace: namespace)
    return outcome.output.split(separator: "\n").count > 1
  }
}
