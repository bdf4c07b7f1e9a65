import CLinux
import Glibc

/// Hears on a link whether another machine has an address or wants it.
///
/// The sockets belong to the network namespace of the thread that opened them, and can be used from any.
final class NeighbourWatch: Sendable {
  private let detection: DuplicateDetection
  private let link: lfh_link
  private let socket: Descriptor
  /// Switches pass on what goes to a group to its members alone.
  private let membership: Descriptor?

  /// So many packets are looked at, at most, when nothing is waited for: a link may bring more than can be read.
  private static let mostAtOnce = 1000

  /// Begins to hear; nil on a link where nobody could be heard: no neighbours, or IPv6 on a link that isn't Ethernet.
  ///
  /// - Throws: ``NodeHostError`` where there is no such interface, or this process may not hear it.
  static func open(_ address: IPAddress, on interface: String) throws(NodeHostError) -> NeighbourWatch? {
    let link = try LinkTable.link(interface)
    guard link.hasNeighbours, !link.hardwareAddress.isEmpty else { return nil }
    guard !address.isIPv6 || lfh_link_is_ethernet(link) else { return nil }
    return try NeighbourWatch(address, link, interface)
  }

  private init(_ address: IPAddress, _ link: lfh_link, _ interface: String) throws(NodeHostError) {
    var link = link
    let detection = DuplicateDetection(
      address: address, hardwareType: link.hardware_type, hardware: link.hardwareAddress)
    let number = address.isIPv6 ? lfh_hear_neighbour_discovery(&link) : lfh_hear_arp(&link)
    guard number >= 0 else { throw NodeHostError(-number, "can't hear the neighbours on \(interface)") }
    let socket = Descriptor(owning: number)
    if address.isIPv6 {
      let member = lfh_join_group(&link, detection.group)
      guard member >= 0 else {
        throw NodeHostError(-member, "can't join the group of those who have \(address) on \(interface)")
      }
      membership = Descriptor(owning: member)
    } else {
      membership = nil
    }
    self.socket = socket
    self.detection = detection
    self.link = link
  }

  /// Asks everybody on the link who has the address.
  func ask() throws(NodeHostError) {
    var link = link
    let question = detection.question
    let failure =
      detection.address.isIPv6
      ? lfh_ask_group(socket.number, &link, Array(detection.group.suffix(4)), question, question.count)
      : lfh_ask_arp(socket.number, &link, question, question.count)
    // A full queue: the next question may get through.
    guard failure == 0 || failure == -ENOBUFS || failure == -EAGAIN else {
      throw NodeHostError(-failure, "can't ask who has \(detection.address)")
    }
  }

  /// The first sign within `limit`; nil where there is none. Blocks.
  func listen(for limit: Duration) throws(NodeHostError) -> DuplicateDetection.Sign? {
    let deadline = BootClock.now + limit
    var heard = 0
    while true {
      var packet = lfh_neighbour_packet()
      let failure = lfh_next_neighbour_packet(socket.number, &packet)
      let left = deadline - BootClock.now
      if failure == -EAGAIN {
        guard left > .zero else { return nil }
        _ = lfh_await_neighbour_packet(socket.number, left.wholeNanoseconds)
        continue
      }
      guard failure == 0 else {
        throw NodeHostError(-failure, "can't hear the neighbours of \(detection.address)")
      }
      if let sign = sign(in: packet) { return sign }
      heard += 1
      if left <= .zero, heard >= Self.mostAtOnce { return nil }
    }
  }

  private func sign(in packet: lfh_neighbour_packet) -> DuplicateDetection.Sign? {
    guard !packet.is_own else { return nil }
    let bytes = withUnsafeBytes(of: packet.bytes) { Array($0.prefix(packet.length)) }
    let sender = withUnsafeBytes(of: packet.hardware) { Array($0.prefix(packet.hardware_length)) }
    return detection.sign(in: bytes, from: sender)
  }
}
