/// The head of a call (RFC 5531, section 9) in the buffer in which it arrived: ``ONCRPC`` reads into arrays, and an
/// array for each of a hundred thousand packets is what the crowd can't spend.
struct CallView {
  let transactionID: UInt32
  let rpcVersion: UInt32
  let program: UInt32
  let version: UInt32
  let procedure: UInt32
  let arguments: ArgumentsView

  /// Nil where the message is no call.
  init?(_ message: UnsafeRawBufferPointer) {
    var view = ArgumentsView(message)
    guard let transactionID = view.uint32(), let type = view.uint32(), type == 0,
      let rpcVersion = view.uint32(), let program = view.uint32(), let version = view.uint32(),
      let procedure = view.uint32(), view.skipCredential(), view.skipCredential()
    else { return nil }
    self.transactionID = transactionID
    self.rpcVersion = rpcVersion
    self.program = program
    self.version = version
    self.procedure = procedure
    arguments = view
  }
}

/// XDR in the buffer in which it arrived; nil wherever it ends too early.
struct ArgumentsView {
  private var rest: UnsafeRawBufferPointer.SubSequence

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func uint32() -> UInt32? {
    guard rest.count >= 4 else { return nil }
    defer { rest = rest.dropFirst(4) }
    return UInt32(bigEndian: UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: UInt32.self))
  }

  /// A string or variable-length opaque data.
  mutating func opaque(atMost limit: Int) -> UnsafeRawBufferPointer? {
    guard let length = uint32(), length <= UInt32(limit) else { return nil }
    let padded = Int(length + 3) & ~3
    guard rest.count >= padded else { return nil }
    defer { rest = rest.dropFirst(padded) }
    return UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length)))
  }

  /// Whoever calls, everyone is served.
  fileprivate mutating func skipCredential() -> Bool { uint32() != nil && opaque(atMost: 400) != nil }
}
