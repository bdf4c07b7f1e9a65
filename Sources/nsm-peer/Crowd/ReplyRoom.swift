/// Where a reply is written (RFC 5531, section 9: `reply_body`), without a new array for each.
struct ReplyRoom {
  private let room: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  /// - Parameter room: at least ``neededBytes``.
  init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

  /// The longest reply: an accepted one with the universal address of an IPv6 host.
  static let neededBytes = 128

  mutating func uint32(_ value: UInt32) {
    room.storeBytes(of: value.bigEndian, toByteOffset: count, as: UInt32.self)
    count += 4
  }

  /// A string; at most 64 bytes.
  mutating func string(_ bytes: some Collection<UInt8>) {
    uint32(UInt32(bytes.count))
    for byte in bytes {
      room[count] = byte
      count += 1
    }
    while count % 4 != 0 {
      room[count] = 0
      count += 1
    }
  }

  /// `MSG_ACCEPTED` with this `accept_stat`; 0 is success, and the results follow.
  mutating func accepted(_ transactionID: UInt32, status: UInt32) {
    head(transactionID, status: 0)
    uint32(0)
    uint32(0)
    uint32(status)
  }

  /// `PROG_MISMATCH`
  mutating func programMismatch(_ transactionID: UInt32, _ versions: ClosedRange<UInt32>) {
    accepted(transactionID, status: 2)
    uint32(versions.lowerBound)
    uint32(versions.upperBound)
  }

  /// `MSG_DENIED`, `RPC_MISMATCH`: RPC version 2 alone is spoken.
  mutating func rpcMismatch(_ transactionID: UInt32) {
    head(transactionID, status: 1)
    uint32(0)
    uint32(2)
    uint32(2)
  }

  /// `MSG_DENIED`, `AUTH_ERROR`, `AUTH_TOOWEAK`
  mutating func tooWeak(_ transactionID: UInt32) {
    head(transactionID, status: 1)
    uint32(1)
    uint32(5)
  }

  private mutating func head(_ transactionID: UInt32, status: UInt32) {
    uint32(transactionID)
    uint32(1)
    uint32(status)
  }
}
