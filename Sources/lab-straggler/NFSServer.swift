import Glibc
import ONCRPC

/// The three procedures of NFSv3 and its MOUNT protocol (RFC 1813) that it takes to write to a file.
struct NFSServer {
  /// An IPv4 literal.
  let address: String

  /// Program and version, and the port on which it listens.
  private struct Program {
    var number: UInt32
    var port: UInt16
  }

  /// The file handle of an export (RFC 1813, section 5.2.1: MNT).
  func mount(_ path: String, port: UInt16) throws(NFSFailure) -> [UInt8] {
    var arguments = XDRWriter()
    try string(path, into: &arguments)
    var results = try call(Program(number: 100_005, port: port), procedure: 1, arguments)
    try expectSuccess(&results)
    return try handle(&results)
  }

  /// The file handle of a file, which is made if it isn't there (section 3.3.8: CREATE, UNCHECKED).
  func create(_ name: String, in folder: [UInt8]) throws(NFSFailure) -> [UInt8] {
    var arguments = XDRWriter()
    try opaque(folder, into: &arguments)
    try string(name, into: &arguments)
    arguments.uint32(0)
    // sattr3: of mode, owner, group, size and times, nothing is set.
    for _ in 0..<6 { arguments.uint32(0) }
    var results = try call(nfs, procedure: 8, arguments)
    try expectSuccess(&results)
    do throws(XDRError) {
      guard try results.bool() else { throw XDRError.unknownValue(0, type: "post_op_fh3") }
    } catch {
      throw .silent("no file handle: \(error)")
    }
    return try handle(&results)
  }

  /// Writes to the start of a file, and returns when the server says that it is on its disk (section 3.3.7: WRITE,
  /// FILE_SYNC).
  func write(_ data: [UInt8], to file: [UInt8]) throws(NFSFailure) {
    var arguments = XDRWriter()
    try opaque(file, into: &arguments)
    arguments.uint64(0)
    arguments.uint32(UInt32(data.count))
    arguments.uint32(2)
    try opaque(data, into: &arguments)
    var results = try call(nfs, procedure: 7, arguments)
    try expectSuccess(&results)
  }

  private var nfs: Program { Program(number: 100_003, port: 2049) }

  private func string(_ text: String, into writer: inout XDRWriter) throws(NFSFailure) {
    try opaque(Array(text.utf8), into: &writer)
  }

  private func opaque(_ bytes: [UInt8], into writer: inout XDRWriter) throws(NFSFailure) {
    do throws(XDRError) { try writer.opaque(bytes, atMost: 1024) } catch { throw .silent("\(error)") }
  }

  private func handle(_ reader: inout XDRReader) throws(NFSFailure) -> [UInt8] {
    do throws(XDRError) { return try reader.opaque(atMost: 64) } catch { throw .silent("\(error)") }
  }

  private func expectSuccess(_ reader: inout XDRReader) throws(NFSFailure) {
    let status: UInt32
    do throws(XDRError) { status = try reader.uint32() } catch { throw .silent("\(error)") }
    guard status == 0 else { throw .refused(status) }
  }

  private func call(
    _ program: Program, procedure: UInt32, _ arguments: XDRWriter
  ) throws(NFSFailure) -> XDRReader {
    var connection = try Connection(address: address, port: program.port)
    let reply = try connection.exchange(
      RPCCall(
        transactionID: UInt32.random(in: 1 ... .max), program: program.number, version: 3,
        procedure: procedure,
        credential: .system(SystemCredential(machineName: Array("straggler".utf8), user: 0, group: 0))),
      arguments.bytes)
    guard case .success(let results) = reply.outcome else { throw .silent("\(reply.outcome)") }
    return XDRReader(results)
  }
}

/// Why a question was not answered as hoped.
enum NFSFailure: Error, CustomStringConvertible {
  /// The server answered with this nfsstat3 or mountstat3.
  case refused(UInt32)
  /// No answer that makes sense.
  case silent(String)

  var description: String {
    switch self {
    case .refused(let status): "refused \(status)"
    case .silent(let why): "silent \(why)"
    }
  }
}
