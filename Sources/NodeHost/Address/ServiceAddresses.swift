/// All addresses of a service on this node: they come and go together.
public struct ServiceAddresses: Sendable {
  /// One for each address, none twice.
  public let links: [ServiceAddressLink]

  /// The addresses where they belong; an empty list is a service whose address is somebody else's affair.
  public init(_ links: [ServiceAddressLink]) {
    self.links = links
  }

  /// `10.0.0.10/24 and fd00::10/64 on eth0`
  public var text: String {
    var interfaces: [String] = []
    for link in links where !interfaces.contains(link.interface) { interfaces.append(link.interface) }
    return interfaces.map { interface in
      let own = links.filter { $0.interface == interface }.map { "\($0.address)/\($0.prefixLength)" }
      return own.joined(separator: " and ") + " on \(interface)"
    }.joined(separator: "; ")
  }

  /// Those that are here now.
  ///
  /// - Throws: ``NodeHostError`` where the kernel doesn't tell.
  public func present() async throws(NodeHostError) -> [ServiceAddressLink] {
    var here: [ServiceAddressLink] = []
    for link in links where try await link.isPresent() { here.append(link) }
    return here
  }

  /// Takes all of them, or none: what this call put there is taken off again where another one can't be had.
  ///
  /// - Returns: what was done for each.
  /// - Throws: ``NodeHostError`` of ``ServiceAddressLink/take(probing:)``; a `duplicate` before any other.
  public func take(probing: AddressProbing) async throws(NodeHostError) -> [ServiceAddressLink.Taking] {
    // At the same time, since each waits for answers.
    let results = await forEach { link throws(NodeHostError) in try await link.take(probing: probing) }
    guard let failure = Self.worst(of: results) else { return results.compactMap { try? $0.get() } }
    for (link, result) in zip(links, results) {
      if case .success(let taking) = result, taking != .wasHere { try await link.release() }
    }
    throw failure
  }

  /// Asks for all of them without taking any.
  ///
  /// - Throws: ``NodeHostError`` of ``ServiceAddressLink/expectFree(probing:)``; a `duplicate` before any other.
  public func expectFree(probing: AddressProbing) async throws(NodeHostError) {
    let results = await forEach { link throws(NodeHostError) in try await link.expectFree(probing: probing) }
    if let failure = Self.worst(of: results) { throw failure }
  }

  /// Tells the neighbours once.
  ///
  /// - Throws: ``NodeHostError`` of ``ServiceAddressLink/announce()``.
  public func announce() async throws(NodeHostError) {
    for link in links { try await link.announce() }
  }

  /// Tells the neighbours again; see ``ServiceAddressLink/announceAgain(_:)``.
  ///
  /// - Returns: what went wrong, one for each address of which that is so.
  public func announceAgain(_ announcing: AddressAnnouncing) async -> [NodeHostError] {
    await forEach { link throws(NodeHostError) in try await link.announceAgain(announcing) }
      .compactMap { result in
        if case .failure(let error) = result { error } else { nil }
      }
  }

  /// Takes all of them off, also where one of them can't be.
  ///
  /// - Throws: ``NodeHostError`` of ``ServiceAddressLink/release()``, the first.
  public func release() async throws(NodeHostError) {
    // One after the other: the first of a network may take the others along.
    var failure: NodeHostError?
    for link in links {
      do throws(NodeHostError) {
        try await link.release()
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
  }

  /// In the order of ``links``.
  private func forEach<Value: Sendable>(
    _ body: @escaping @Sendable (ServiceAddressLink) async throws(NodeHostError) -> Value
  ) async -> [Result<Value, NodeHostError>] {
    await withTaskGroup(of: (Int, Result<Value, NodeHostError>).self) { group in
      for (index, link) in links.enumerated() {
        group.addTask {
          do throws(NodeHostError) {
            return (index, .success(try await body(link)))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      var results: [(Int, Result<Value, NodeHostError>)] = []
      for await result in group { results.append(result) }
      return results.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private static func worst<Value>(of results: [Result<Value, NodeHostError>]) -> NodeHostError? {
    let failures = results.compactMap { result -> NodeHostError? in
      if case .failure(let error) = result { error } else { nil }
    }
    return failures.first { $0.code == .duplicate } ?? failures.first
  }
}
