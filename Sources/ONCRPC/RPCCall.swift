/// The head of a call (RFC 5531, section 9: `call_body`); the procedure's arguments follow it.
public struct RPCCall: Equatable, Sendable {
  /// Chosen by the caller, repeated in the reply.
  public var transactionID: UInt32
  /// What is called.
  public var program: UInt32
  /// The program's version.
  public var version: UInt32
  /// The procedure of that version; 0 does nothing in every program.
  public var procedure: UInt32
  /// Who calls.
  public var credential: RPCCredential
  /// The proof of it; nothing in `AUTH_NONE` and `AUTH_SYS`.
  public var verifier: RPCCredential

  /// A call made of these.
  public init(
    transactionID: UInt32, program: UInt32, version: UInt32, procedure: UInt32,
    credential: RPCCredential = .none, verifier: RPCCredential = .none
  ) {
    self.transactionID = transactionID
    self.program = program
    self.version = version
    self.procedure = procedure
    self.credential = credential
    self.verifier = verifier
  }

  /// Reads a whole message into the head of a call and the bytes of its arguments.
  public static func parse(
    _ message: [UInt8]
  ) throws(RPCMessageError) -> (call: RPCCall, arguments: [UInt8]) {
    var reader = XDRReader(message)
    let transactionID: UInt32
    let type: UInt32
    let rpcVersion: UInt32
    do throws(XDRError) {
      transactionID = try reader.uint32()
      type = try reader.uint32()
      rpcVersion = try reader.uint32()
    } catch {
      throw .malformed(error)
    }
    guard type == RPCMessage.call else { throw .unexpectedType(type) }
    guard rpcVersion == RPCMessage.rpcVersion else {
      throw .unsupportedVersion(rpcVersion, transactionID: transactionID)
    }
    do throws(XDRError) {
      let call = RPCCall(
        transactionID: transactionID, program: try reader.uint32(), version: try reader.uint32(),
        procedure: try reader.uint32(), credential: try RPCCredential(from: &reader),
        verifier: try RPCCredential(from: &reader))
      return (call, reader.remaining)
    } catch {
      throw .malformed(error)
    }
  }

  /// The whole message.
  ///
  /// - Parameter arguments: the arguments in XDR.
  /// - Throws: ``XDRError`` where a credential is longer than allowed.
  public func message(arguments: [UInt8] = []) throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    writer.uint32(transactionID)
    writer.uint32(RPCMessage.call)
    writer.uint32(RPCMessage.rpcVersion)
    writer.uint32(program)
    writer.uint32(version)
    writer.uint32(procedure)
    try credential.write(to: &writer)
    try verifier.write(to: &writer)
    writer.encoded(arguments)
    return writer.bytes
  }
}
