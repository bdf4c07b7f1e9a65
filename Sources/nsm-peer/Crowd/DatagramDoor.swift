import CLinux
import Glibc

/// One UDP socket for one service of all hosts: the destination of each datagram says which of them is meant.
final class DatagramDoor {
  /// A reply that waits.
  struct Waiting {
    let door: DatagramDoor
    let remote: lfd_endpoint
    let local: lfd_endpoint
    let bytes: [UInt8]
  }

  let service: CrowdHosts.Service
  let socket: Int32
  private(set) var received = 0
  private(set) var replied = 0
  /// To addresses that are none of the clients'.
  private(set) var strayed = 0
  private(set) var unsendable = 0
  private let incoming: UnsafeMutablePointer<lfd_batch>
  private let outgoing: UnsafeMutablePointer<lfd_batch>
  private var filled: UInt32 = 0
  private var garbage: SplitMix

  private static let capacity: UInt32 = 64
  /// The longest call with a name of 1,024 bytes and a credential of 400 fits.
  private static let room: UInt32 = 2_048
  /// Batches that are served before other sockets get their turn.
  private static let rounds = 32
  /// What a hundred thousand senders may leave here while this process doesn't run.
  private static let bufferBytes: Int32 = 64 << 20

  init(_ service: CrowdHosts.Service, isIPv6: Bool, port: UInt16, seed: UInt64) throws {
    self.service = service
    garbage = SplitMix(seed: seed)
    socket = lfd_open_datagrams(isIPv6, port, Self.bufferBytes)
    guard socket >= 0 else { throw NSMPeerError("UDP port \(port): \(String(cString: strerror(-socket)))") }
    guard let incoming = lfd_make_batch(isIPv6, Self.capacity, Self.room),
      let outgoing = lfd_make_batch(isIPv6, Self.capacity, Self.room)
    else {
      close(socket)
      throw NSMPeerError("no memory for datagrams")
    }
    self.incoming = incoming
    self.outgoing = outgoing
  }

  deinit {
    close(socket)
    lfd_free_batch(incoming)
    lfd_free_batch(outgoing)
  }

  var port: UInt16 { UInt16(lfd_port(socket)) }

  /// Datagrams that the kernel threw away here.
  var dropped: Int { max(0, Int(lfd_dropped(socket))) }

  /// Answers what has arrived.
  func serve(_ hosts: inout CrowdHosts, _ delayed: inout DelayedReplies<Waiting>) {
    for _ in 0..<Self.rounds {
      let count = lfd_receive(socket, incoming)
      guard count > 0 else { return }
      received += Int(count)
      let now = lfh_boot_nanoseconds()
      for place in 0..<Int(count) {
        answer(incoming.pointee.datagrams + place, &hosts, &delayed, now)
      }
      flush()
      if count < Int32(Self.capacity) { return }
    }
  }

  /// Sends a reply that has waited.
  func send(_ waiting: Waiting) {
    let slot = freeSlot()
    slot.pointee.remote = waiting.remote
    slot.pointee.local = waiting.local
    slot.pointee.length = UInt32(waiting.bytes.count)
    UnsafeMutableRawBufferPointer(start: slot.pointee.bytes, count: Int(Self.room))
      .copyBytes(from: waiting.bytes)
    filled += 1
  }

  /// Sends what is ready to go.
  func flush() {
    var first: UInt32 = 0
    while first < filled {
      let sent = lfd_send(socket, outgoing, first, filled - first)
      if sent > 0 {
        replied += Int(sent)
        first += UInt32(sent)
      } else if sent == -EAGAIN {
        var writable = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        poll(&writable, 1, 100)
      } else {
        // This one can't be sent (its caller has gone, say); the others can.
        unsendable += 1
        first += 1
      }
    }
    filled = 0
  }

  private func freeSlot() -> UnsafeMutablePointer<lfd_datagram> {
    if filled == Self.capacity { flush() }
    return outgoing.pointee.datagrams + Int(filled)
  }

  private func answer(
    _ datagram: UnsafeMutablePointer<lfd_datagram>, _ hosts: inout CrowdHosts,
    _ delayed: inout DelayedReplies<Waiting>, _ now: Int64
  ) {
    let found = withUnsafeBytes(of: &datagram.pointee.local.address) { hosts.addresses.client(at: $0) }
    guard let client = found else {
      strayed += 1
      return
    }
    guard let fate = hosts.fate(of: client), !fate.dropsRequest else { return }
    let slot = freeSlot()
    var reply = ReplyRoom(
      UnsafeMutableRawBufferPointer(start: slot.pointee.bytes, count: Int(Self.room)))
    let message = UnsafeRawBufferPointer(
      start: datagram.pointee.bytes, count: Int(min(datagram.pointee.length, Self.room)))
    let isAnswered = withUnsafeBytes(of: &datagram.pointee.remote.address) { source in
      hosts.answer(
        message,
        CrowdHosts.Arrival(
          client: client, service: service, overTCP: false, source: source,
          sourcePort: datagram.pointee.remote.port, now: now),
        isHeeded: fate.spoiling == .none, into: &reply)
    }
    guard isAnswered, !fate.dropsReply else { return }
    slot.pointee.remote = datagram.pointee.remote
    slot.pointee.local = datagram.pointee.local
    slot.pointee.length = UInt32(reply.count)
    if fate != .good { spoil(slot, fate.spoiling, client, hosts.addresses) }
    let copies = fate.duplicates ? 2 : 1
    guard fate.delayNanoseconds > 0 else {
      filled += 1
      if copies == 2 { send(waiting(slot)) }
      return
    }
    for _ in 0..<copies { delayed.add(waiting(slot), dueAt: now + fate.delayNanoseconds) }
  }

  private func waiting(_ slot: UnsafeMutablePointer<lfd_datagram>) -> Waiting {
    Waiting(
      door: self, remote: slot.pointee.remote, local: slot.pointee.local,
      bytes: Array(UnsafeBufferPointer(start: slot.pointee.bytes, count: Int(slot.pointee.length))))
  }

  private func spoil(
    _ slot: UnsafeMutablePointer<lfd_datagram>, _ spoiling: PacketFate.Spoiling, _ client: Int,
    _ addresses: ClientAddresses
  ) {
    switch spoiling {
    case .none: break
    case .garbage:
      let count = Int(garbage.next() % 128)
      for place in 0..<count { slot.pointee.bytes[place] = UInt8(truncatingIfNeeded: garbage.next()) }
      slot.pointee.length = UInt32(count)
    case .wrongTransaction:
      for place in 0..<4 { slot.pointee.bytes[place] ^= 0x5a }
    case .wrongSource:
      let other = addresses.bytes(of: (client + 1) % addresses.count)
      withUnsafeMutableBytes(of: &slot.pointee.local.address) { $0.copyBytes(from: other) }
    }
  }
}
