/// The head of a reply (RFC 5531, section 9: `reply_body`) and, where the call succeeded, its results.
public struct RPCReply: Equatable, Sendable {
  /// That of the call.
  public var transactionID: UInt32
  /// What became of the call.
  public var outcome: Outcome

  /// What became of a call.
  public enum Outcome: Equatable, Sendable {
    /// `SUCCESS`: the procedure ran; its results in XDR.
    case success([UInt8])
    /// `PROG_UNAVAIL`: this program isn't served here.
    case programUnavailable
    /// `PROG_MISMATCH`: the program is served, in versions from `low` to `high`.
    case programMismatch(low: UInt32, high: UInt32)
    /// `PROC_UNAVAIL`: the version has no such procedure.
    case procedureUnavailable
    /// `GARBAGE_ARGS`: the procedure can't read its arguments.
    case garbageArguments
    /// `SYSTEM_ERR`: the server is out of memory or the like.
    case systemError
    /// `RPC_MISMATCH`: the server speaks versions `low` to `high` of RPC.
    case versionMismatch(low: UInt32, high: UInt32)
    /// `AUTH_ERROR`: the credential isn't good enough; the number is RFC 5531's `auth_stat`.
    case authenticationError(UInt32)
  }

  /// A reply to the call with this transaction.
  public init(transactionID: UInt32, _ outcome: Outcome) {
    self.transactionID = transactionID
    self.outcome = outcome
  }

  /// Reads a whole message.
  ///
  /// The verifier that comes with an accepted call is read over: in `AUTH_NONE` and `AUTH_SYS` it says nothing.
  public static func parse(_ message: [UInt8]) throws(RPCMessageError) -> RPCReply {
    var reader = XDRReader(message)
    let type: UInt32
    do throws(XDRError) {
      let transactionID = try reader.uint32()
      type = try reader.uint32()
      if type == RPCMessage.reply {
        return RPCReply(transactionID: transactionID, try outcome(from: &reader))
      }
    } catch {
      throw .malformed(error)
    }
    throw .unexpectedType(type)
  }

  private static func outcome(from reader: inout XDRReader) throws(XDRError) -> Outcome {
    switch try reader.uint32() {
    case 0:
      _ = try reader.uint32()
      _ = try reader.opaque(atMost: RPCCredential.maximumBodyBytes)
      return switch try reader.uint32() {
      case 0: .success(reader.remaining)
      case 1: .programUnavailable
      case 2: .programMismatch(low: try reader.uint32(), high: try reader.uint32())
      case 3: .procedureUnavailable
      case 4: .garbageArguments
      case 5: .systemError
      case let other: throw .unknownValue(other, type: "accept_stat")
      }
    case 1:
      return switch try reader.uint32() {
      case 0: .versionMismatch(low: try reader.uint32(), high: try reader.uint32())
      case 1: .authenticationError(try reader.uint32())
      case let other: throw .unknownValue(other, type: "reject_stat")
      }
    case let other: throw .unknownValue(other, type: "reply_stat")
    }
  }

  /// The whole message.
  public var message: [UInt8] {
    var writer = XDRWriter()
    writer.uint32(transactionID)
    writer.uint32(RPCMessage.reply)
    func accepted(_ status: UInt32) {
      writer.uint32(0)
      writer.uint32(RPCCredential.noneFlavor)
      writer.uint32(0)
      writer.uint32(status)
    }
    func denied(_ status: UInt32) {
      writer.uint32(1)
      writer.uint32(status)
    }
    func range(_ low: UInt32, _ high: UInt32) {
      writer.uint32(low)
      writer.uint32(high)
    }
    switch outcome {
    case .success(let results):
      accepted(0)
      writer.encoded(results)
    case .programUnavailable: accepted(1)
    case .programMismatch(let low, let high):
      accepted(2)
      range(low, high)
    case .procedureUnavailable: accepted(3)
    case .garbageArguments: accepted(4)
    case .systemError: accepted(5)
    case .versionMismatch(let low, let high):
      denied(0)
      range(low, high)
    case .authenticationError(let reason):
      denied(1)
      writer.uint32(reason)
    }
    return writer.bytes
  }
}

extension RPCReply.Outcome: CustomStringConvertible {
  /// In words, with RFC 5531's name for it.
  public var description: String {
    switch self {
    case .success: "success"
    case .programUnavailable: "the program is not served there (PROG_UNAVAIL)"
    case .programMismatch(let low, let high): "it has versions \(low) to \(high) only (PROG_MISMATCH)"
    case .procedureUnavailable: "it has no such procedure (PROC_UNAVAIL)"
    case .garbageArguments: "it can't read the arguments (GARBAGE_ARGS)"
    case .systemError: "it has trouble of its own (SYSTEM_ERR)"
    case .versionMismatch: "it speaks another version of RPC (RPC_MISMATCH)"
    case .authenticationError(let reason): "it wants another credential (AUTH_ERROR \(reason))"
    }
  }
}
