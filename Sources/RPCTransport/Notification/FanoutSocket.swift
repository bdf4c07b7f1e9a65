import CLinux
import Glibc
import StatusMonitor

/// One UDP socket that talks to thousands of hosts; for one thread.
///
/// What is to be sent waits here until the kernel takes it. Before every batch that goes out, what has come in is
/// taken out, or the answers to the last batch would be lost for want of room: that is how sm-notify loses most.
final class FanoutSocket {
  /// Room for the answers of some thousand clients at once, in bytes.
  static let bufferBytes: Int32 = 4 << 20

  let number: Int32
  private var bytes: [UInt8] = []
  private var departures: [lfn_departure] = []
  private var transactionIDs: [UInt32] = []
  private var sent = 0
  private var dropped: UInt32 = 0

  /// Takes over an open socket.
  init(owning number: Int32) { self.number = number }

  deinit { close(number) }

  /// Opens a socket bound to `source`.
  ///
  /// - Returns: the descriptor, and whether it got a privileged port.
  static func open(from source: lfn_peer) throws(RPCError) -> (number: Int32, isPrivileged: Bool) {
    var source = source
    var isPrivileged = false
    let number = lfn_open(false, &source, bufferBytes, &isPrivileged)
    guard number >= 0 else {
      let address = HostAddress(source).description
      if number == -EADDRNOTAVAIL {
        throw RPCError(
          .failed,
          "can't send from \(address): this machine doesn't have the address; take the service address first")
      }
      let isFamily = number == -EAFNOSUPPORT
      throw RPCError(
        isFamily ? .unreachable : .failed, "no UDP socket at \(address): \(systemErrorText(-number))")
    }
    return (number, isPrivileged)
  }

  var isWaiting: Bool { sent < departures.count }

  /// Puts a message into the line.
  func queue(_ message: [UInt8], transactionID: UInt32, to address: HostAddress, port: UInt16) {
    departures.append(
      lfn_departure(
        to: address.peer(port: port), offset: UInt32(bytes.count), length: UInt32(message.count)))
    bytes.append(contentsOf: message)
    transactionIDs.append(transactionID)
  }

  /// Sends one batch; false where the kernel has no room. `onFailure` hears of datagrams that can't be sent.
  func sendBatch(_ onFailure: (_ transactionID: UInt32, _ error: Int32) -> Void) -> Bool {
    guard isWaiting else { return true }
    let count = Int32(min(departures.count - sent, Int(LFN_BATCH)))
    let result = bytes.withUnsafeBufferPointer { bytes in
      departures.withUnsafeBufferPointer { departures -> Int32 in
        guard let bytes = bytes.baseAddress, let first = departures.baseAddress else { return 0 }
        return lfn_send(number, bytes, first + sent, count)
      }
    }
    if result == -EAGAIN { return false }
    if result < 0 {
      onFailure(transactionIDs[sent], -result)
      sent += 1
    } else {
      sent += Int(result)
    }
    // Under a steady flow it is never empty.
    if isWaiting, sent > 4_096, sent * 2 > departures.count {
      let start = departures[sent].offset
      bytes.removeFirst(Int(start))
      departures.removeFirst(sent)
      transactionIDs.removeFirst(sent)
      for index in departures.indices { departures[index].offset -= start }
      sent = 0
    }
    if !isWaiting {
      bytes.removeAll(keepingCapacity: true)
      departures.removeAll(keepingCapacity: true)
      transactionIDs.removeAll(keepingCapacity: true)
      sent = 0
    }
    return true
  }

  /// Takes out what has come, at most one batch. Returns how many datagrams; `onOverflow` hears of lost ones.
  func receiveBatch(
    into inbox: FanoutInbox, _ onArrival: (_ message: [UInt8], _ source: HostAddress) -> Void,
    onOverflow: () -> Void
  ) -> Int {
    let count = Int(lfn_receive(number, inbox.slots, inbox.arrivals))
    guard count > 0 else { return 0 }
    for index in 0..<count {
      let arrival = inbox.arrivals[index]
      if arrival.dropped != dropped {
        dropped = arrival.dropped
        onOverflow()
      }
      let start = inbox.slots + index * Int(LFN_SLOT)
      let length = min(Int(arrival.length), Int(LFN_SLOT))
      onArrival(Array(UnsafeBufferPointer(start: start, count: length)), HostAddress(arrival.from))
    }
    return count
  }

  /// Tells which calls met an error on their way, and which.
  func failures(_ onFailure: (_ transactionID: UInt32, _ error: Int32) -> Void) {
    var failure = lfn_failure()
    var left = 10_000
    while left > 0, lfn_next_failure(number, &failure) == 1 {
      left -= 1
      // Some routers quote too little of what they refuse.
      guard failure.length >= 4 else { continue }
      let transactionID = withUnsafeBytes(of: &failure.payload) {
        UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self))
      }
      onFailure(transactionID, failure.error)
    }
  }
}

/// Room for one batch of datagrams.
final class FanoutInbox {
  let slots: UnsafeMutablePointer<UInt8>
  let arrivals: UnsafeMutablePointer<lfn_arrival>

  init() {
    slots = .allocate(capacity: Int(LFN_BATCH * LFN_SLOT))
    slots.initialize(repeating: 0, count: Int(LFN_BATCH * LFN_SLOT))
    arrivals = .allocate(capacity: Int(LFN_BATCH))
    arrivals.initialize(repeating: lfn_arrival(), count: Int(LFN_BATCH))
  }

  deinit {
    slots.deallocate()
    arrivals.deallocate()
  }
}

extension HostAddress {
  init(_ peer: lfn_peer) {
    let all = withUnsafeBytes(of: peer.address) { Array($0) }
    guard let address = HostAddress(bytes: peer.is_ipv6 ? all : Array(all[..<4]), scope: peer.scope) else {
      preconditionFailure("an address of \(all.count) bytes")
    }
    self = address
  }

  /// This address and a port as the kernel takes them.
  func peer(port: UInt16) -> lfn_peer {
    var peer = lfn_peer()
    peer.is_ipv6 = isIPv6
    peer.port = port
    peer.scope = scope
    withUnsafeMutableBytes(of: &peer.address) { $0.copyBytes(from: bytes) }
    return peer
  }

  /// No address in particular, of one kind.
  static func any(isIPv6: Bool) -> HostAddress {
    HostAddress(lfn_peer(address: lfn_peer().address, scope: 0, port: 0, is_ipv6: isIPv6))
  }
}
