import CLinux
import Glibc

/// The address of a service on a network interface of this node: taken on adoption, given up on release.
///
/// Addresses are changed with `ip` (iproute2) and looked up in the kernel; a call that returns has seen its effect
/// there.
public struct ServiceAddressLink: Sendable {
  /// The address, in canonical text.
  public var address: String { wanted.description }
  /// The length of its network prefix: 1...32 for IPv4, 1...128 for IPv6.
  public let prefixLength: Int
  /// The interface.
  public let interface: String
  /// The network namespace, a file such as `/run/netns/NAME`; nil: this process's own.
  public let networkNamespace: String?

  private let wanted: IPAddress
  private static let commandLimit = Duration.seconds(10)
  private static let programs: [String] = ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"]

  /// An address and where it belongs. Nothing is looked up yet: the interface may come later.
  ///
  /// - Throws: ``NodeHostError`` (`invalid`) where the address, the prefix length or the interface's name can't be.
  public init(
    address: String, prefixLength: Int, interface: String, networkNamespace: String? = nil
  ) throws(NodeHostError) {
    guard let wanted = IPAddress(address) else {
      throw NodeHostError(.invalid, "\"\(address)\" isn't an IPv4 or IPv6 address")
    }
    if let objection = wanted.objection { throw NodeHostError(.invalid, "\(wanted) \(objection)") }
    let longest = wanted.isIPv6 ? 128 : 32
    guard (1...longest).contains(prefixLength) else {
      throw NodeHostError(.invalid, "\(wanted)/\(prefixLength): the prefix length is 1 to \(longest)")
    }
    // What the kernel takes (net/core/dev.c, dev_valid_name), and nothing that `ip` could take for an option.
    let bytes = interface.utf8
    guard (1...15).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7e).contains($0) }),
      !bytes.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }),
      bytes.first != UInt8(ascii: "-"), interface != ".", interface != ".."
    else {
      throw NodeHostError(
        .invalid, "\"\(printableText(Array(bytes)))\" can't be the name of a network interface")
    }
    self.wanted = wanted
    self.prefixLength = prefixLength
    self.interface = interface
    self.networkNamespace = networkNamespace
  }

  /// Whether the interface has the address now, with whatever prefix length.
  ///
  /// - Throws: ``NodeHostError`` where the kernel doesn't tell.
  public func isPresent() async throws(NodeHostError) -> Bool {
    try await entries().contains { $0.address == wanted && $0.interface == interface }
  }

  /// What was done for an address to be here.
  public enum Taking: Sendable, Equatable {
    /// Nothing: it was there already.
    case wasHere
    /// So many questions brought no answer, and it was put there.
    case asked(Int)
    /// It was put there unasked: by the operator's wish, or because nobody on such a link could be asked.
    case unasked
  }

  /// Puts the address on the interface; does nothing where it is there already.
  ///
  /// Everybody on the link is asked for it before, by ``AddressProbing``. IPv6 addresses come without the kernel's own
  /// duplicate address detection, which keeps them unusable for one to two seconds: ours has been made.
  ///
  /// - Throws: ``NodeHostError``: `duplicate`, another machine has the address, which isn't taken then; `absent`, no such
  ///   interface; `conflict`, the interface is down or another one has the address; else what `ip` said.
  @discardableResult
  public func take(probing: AddressProbing = .usual) async throws(NodeHostError) -> Taking {
    if try await isThereOrFree() { return .wasHere }
    try await expectLinkUp()
    let watch = try await ask(probing)
    var arguments = ["address", "add", "\(wanted)/\(prefixLength)"]
    // "+": the network's own broadcast address, which `ip` leaves out when it isn't told.
    if !wanted.isIPv6, prefixLength < 31 { arguments += ["broadcast", "+"] }
    arguments += ["dev", interface]
    if wanted.isIPv6 { arguments.append("nodad") }
    let outcome = try await ip(arguments)
    guard try await isThereOrFree() else {
      throw failure("can't put \(wanted)/\(prefixLength) on \(interface)", outcome)
    }
    guard let watch else { return .unasked }
    if let sign = try await listen(watch, for: .zero) {
      try await release()
      throw duplicate(sign)
    }
    return .asked(probing.count)
  }

  /// Asks everybody on the link for the address, without taking it.
  ///
  /// - Throws: ``NodeHostError``: `duplicate`, another machine has it; or as ``take(probing:)``.
  public func expectFree(probing: AddressProbing) async throws(NodeHostError) {
    if try await isThereOrFree() { return }
    try await expectLinkUp()
    _ = try await ask(probing)
  }

  private func expectLinkUp() async throws(NodeHostError) {
    let isUp = try await inNamespace { [interface] () throws(NodeHostError) in
      try LinkTable.link(interface).isUp
    }
    guard isUp else {
      throw NodeHostError(.conflict, "network interface \(interface) is down; ip link set \(interface) up")
    }
  }

  /// Nobody has answered; whoever does so late is heard by what is returned. Nil: nobody was asked.
  private func ask(_ probing: AddressProbing) async throws(NodeHostError) -> NeighbourWatch? {
    guard probing.count > 0 else { return nil }
    guard let watch = try await openWatch() else { return nil }
    for _ in 0..<probing.count {
      try watch.ask()
      if let sign = try await listen(watch, for: probing.interval) { throw duplicate(sign) }
      if Task.isCancelled { throw NodeHostError(.failed, "nobody was asked to the end who has \(wanted)") }
    }
    return watch
  }

  private func openWatch() async throws(NodeHostError) -> NeighbourWatch? {
    try await inNamespace { [interface, wanted] () throws(NodeHostError) in
      try NeighbourWatch.open(wanted, on: interface)
    }
  }

  private func listen(
    _ watch: NeighbourWatch, for limit: Duration
  ) async throws(NodeHostError) -> DuplicateDetection.Sign? {
    try await onOwnThread { () throws(NodeHostError) in try watch.listen(for: limit) }
  }

  private func duplicate(_ sign: DuplicateDetection.Sign) -> NodeHostError {
    switch sign {
    case .used:
      NodeHostError(
        .duplicate,
        "another machine on \(interface)'s network has \(wanted): hardware address \(sign.hardware). It isn't taken "
          + "here as long as that one answers; find it (ip neighbour, the switch's table) and take it off there"
      )
    case .wanted:
      NodeHostError(
        .duplicate,
        "another machine on \(interface)'s network is about to take \(wanted) as well: hardware address "
          + "\(sign.hardware). Neither may; is it configured elsewhere, too?")
    }
  }

  /// Takes the address off the interface; does nothing where it isn't there.
  ///
  /// An IPv4 address that was the first of its network takes the others along unless `promote_secondaries` is
  /// set (net/ipv4/devinet.c, `__inet_del_ifa`); those are put back.
  ///
  /// - Throws: ``NodeHostError`` where any interface still has it afterwards, or another address is lost.
  public func release() async throws(NodeHostError) {
    let before = try await entries().filter { $0.interface == interface }
    for entry in before where entry.address == wanted {
      let outcome = try await ip(["address", "delete", entry.text, "dev", interface])
      guard try await !entries().contains(entry) else {
        throw failure("can't take \(entry.text) off \(interface)", outcome)
      }
    }
    try await putBack(before)
    if let other = try await entries().first(where: { $0.address == wanted }) {
      throw NodeHostError(
        .conflict,
        "\(other.text) is on \(other.interface) here, so this machine still answers for it; remove it there "
          + "(ip address delete \(other.text) dev \(other.interface))")
    }
  }

  /// Those of `before` that went along with the address.
  private func putBack(_ before: [LinkTable.Entry]) async throws(NodeHostError) {
    guard !wanted.isIPv6 else { return }
    let after = Set(try await entries())
    for lost in before where lost.address != wanted && !lost.address.isIPv6 && !after.contains(lost) {
      let outcome = try await ip(["address", "add", lost.text, "broadcast", "+", "dev", interface])
      guard try await entries().contains(lost) else {
        throw failure(
          "\(interface) lost \(lost.text) along with \(wanted), and it can't be put back", outcome)
      }
    }
  }

  /// Tells the neighbours on the link that the address is here now: gratuitous ARP, request and reply, or an
  /// unsolicited neighbour advertisement to all nodes.
  ///
  /// On a link without neighbours (loopback, dummy) there is nobody to tell.
  ///
  /// - Throws: ``NodeHostError`` where a packet can't be sent: no such interface, no such address on it, not root.
  public func announce() async throws(NodeHostError) {
    try await inNamespace { [interface, wanted] () throws(NodeHostError) in
      try Self.announceOnce(wanted, on: interface)
    }
  }

  /// Tells them again, since nothing acknowledges an announcement, and hears meanwhile whether another machine has the
  /// address as well. Ends when the address is gone from here.
  ///
  /// - Throws: ``NodeHostError``: `duplicate`, another machine has it; or as ``announce()``.
  public func announceAgain(_ announcing: AddressAnnouncing) async throws(NodeHostError) {
    let watch = try await openWatch()
    for pause in announcing.pauses {
      let end = BootClock.now + pause
      try watch?.ask()
      while case let left = end - BootClock.now, left > .zero {
        if Task.isCancelled { return }
        let limit = min(left, Self.longestListening)
        if let watch {
          // Whoever asks for it hears from the kernel that it is here.
          if let sign = try await listen(watch, for: limit), case .used = sign {
            guard try await isPresent() else { return }
            throw duplicate(sign)
          }
        } else {
          try? await Task.sleep(for: limit)
        }
      }
      guard try await isPresent() else { return }
      try await announce()
    }
  }

  /// A thread that listens can't be called off.
  private static let longestListening = Duration.milliseconds(200)

  private static func announceOnce(_ address: IPAddress, on interface: String) throws(NodeHostError) {
    var link = try LinkTable.link(interface)
    guard try LinkTable.entries().contains(where: { $0.address == address && $0.interface == interface })
    else {
      throw NodeHostError(.conflict, "\(interface) doesn't have \(address), so it isn't announced there")
    }
    guard link.hasNeighbours else { return }
    let hardware = link.hardwareAddress
    guard !hardware.isEmpty else { return }
    if address.isIPv6 {
      let packet = AddressAnnouncement.neighbourAdvertisement(hardware: hardware, address: address.bytes)
      let failure = lfh_multicast_icmpv6(&link, address.bytes, packet, packet.count)
      if failure != 0 { throw NodeHostError(-failure, "can't announce \(address) on \(interface)") }
      return
    }
    for operation in [AddressAnnouncement.Operation.request, .reply] {
      let packet = AddressAnnouncement.arp(
        operation, hardwareType: link.hardware_type, hardware: hardware, address: address.bytes)
      let failure = lfh_broadcast_arp(&link, packet, packet.count)
      if failure != 0 { throw NodeHostError(-failure, "can't announce \(address) on \(interface)") }
    }
  }

  /// True: it is on the interface; false: it is nowhere here.
  private func isThereOrFree() async throws(NodeHostError) -> Bool {
    let holders = try await entries().filter { $0.address == wanted }.map(\.interface)
    if holders.contains(interface) { return true }
    if let other = holders.first {
      throw NodeHostError(
        .conflict,
        "\(wanted) is on \(other) here, not on \(interface); remove it there (ip address delete) or correct interface:"
      )
    }
    return false
  }

  private func entries() async throws(NodeHostError) -> [LinkTable.Entry] {
    try await inNamespace { () throws(NodeHostError) in try LinkTable.entries() }
  }

  /// On a thread of its own, which alone changes its network namespace.
  private func inNamespace<Value: Sendable>(
    _ body: @escaping @Sendable () throws(NodeHostError) -> Value
  ) async throws(NodeHostError) -> Value {
    let namespace = networkNamespace
    return try await onOwnThread { () throws(NodeHostError) in
      if let namespace {
        let failure = lfh_enter_network_namespace(namespace)
        if failure != 0 { throw NodeHostError(-failure, "network namespace \(namespace)") }
      }
      return try body()
    }
  }

  private func onOwnThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(NodeHostError) -> Value
  ) async throws(NodeHostError) -> Value {
    do {
      return try await OwnThread.run("lf-address") { try body() }
    } catch let error as NodeHostError {
      throw error
    } catch {
      throw NodeHostError(.failed, "\(error)")
    }
  }

  private func ip(_ arguments: [String]) async throws(NodeHostError) -> CommandOutcome {
    guard let program = Self.programs.first(where: { access($0, X_OK) == 0 }) else {
      throw NodeHostError(
        .absent, "there is no ip program in /usr/sbin, /sbin or /bin; install iproute2 (iproute on Red Hat)")
    }
    return await HostCommand.run(
      [program] + arguments, environment: ["LC_ALL": "C"], within: Self.commandLimit,
      networkNamespace: networkNamespace)
  }

  private func failure(_ subject: String, _ outcome: CommandOutcome) -> NodeHostError {
    let said = outcome.output.split(separator: "\n").joined(separator: " ")
    let isDenied = said.contains("Operation not permitted")
    return NodeHostError(
      isDenied ? .denied : .failed,
      "\(subject): ip: \(outcome)" + (said.isEmpty ? "" : ": \(said)")
        + (isDenied ? "; run lockferry as root" : ""))
  }
}
