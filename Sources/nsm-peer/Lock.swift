import ArgumentParser
import ONCRPC
import RPCTransport

/// `nsm-peer lock`
struct Lock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock",
    abstract: "Takes an exclusive lock on a whole file of an NFSv3 server, as a client would.",
    discussion: """
      Mounts the export, makes the file where it isn't there, and asks for the lock once (NLM_LOCK, version 4), over TCP and \
      without credentials. The lock stays when this program ends. Prints {"result":"granted"}, denied, denied-nolocks, \
      blocked or denied-grace; the exit status is 0 for all of them.
      """)

  @Option(help: "The server.")
  var host: String

  @Option(help: "The path of the export.")
  var export: String

  @Option(help: "The name of the file in the export's root.")
  var file = "locked"

  @Option(help: "The name of this host, which asks.")
  var myName: String

  @Flag(help: "It is a lock that this host had before the server restarted.")
  var reclaim = false

  @Option(help: "Seconds after which no answer is awaited any more, for each call.")
  var limit: Double = 30

  func validate() throws {
    guard limit > 0, limit <= 3_600 else { throw ValidationError("--limit takes more than 0, at most 3600") }
  }

  func run() async throws {
    let root = try await mount()
    let handle = try await create(in: root)
    JSONLine().with("result", try await lock(handle)).printNow()
  }

  /// `MOUNTPROC3_MNT` (RFC 1813, appendix I): the handle of the export's root.
  private func mount() async throws -> [UInt8] {
    var arguments = XDRWriter()
    try arguments.opaque(Array(export.utf8), atMost: 1_024)
    var results = XDRReader(try await call(program: 100_005, version: 3, procedure: 1, arguments.bytes))
    let status = try results.uint32()
    guard status == 0 else {
      throw NSMPeerError("\(host) doesn't let \(export) be mounted: status \(status)")
    }
    return try results.opaque(atMost: 64)
  }

  /// `NFSPROC3_CREATE`, unchecked (RFC 1813, 3.3.8): the handle of the file, new or not.
  private func create(in root: [UInt8]) async throws -> [UInt8] {
    var arguments = XDRWriter()
    try arguments.opaque(root, atMost: 64)
    try arguments.opaque(Array(file.utf8), atMost: 255)
    arguments.uint32(0)
    arguments.bool(true)
    arguments.uint32(0o666)
    // Owner, group, size and both times are left to the server.
    for _ in 0..<5 { arguments.uint32(0) }
    var results = XDRReader(try await call(program: 100_003, version: 3, procedure: 8, arguments.bytes))
    let status = try results.uint32()
    guard status == 0, try results.bool() else {
      throw NSMPeerError("\(host) makes no file: status \(status)")
    }
    return try results.opaque(atMost: 64)
  }

  /// `NLM4_LOCK` (RFC 1813, appendix II; X/Open XNFS, chapter 10).
  private func lock(_ handle: [UInt8]) async throws -> String {
    let cookie: [UInt8] = [1, 2, 3, 4]
    var arguments = XDRWriter()
    try arguments.opaque(cookie, atMost: 1_024)
    // Not to be waited for, exclusive.
    arguments.bool(false)
    arguments.bool(true)
    try arguments.opaque(Array(myName.utf8), atMost: 1_024)
    try arguments.opaque(handle, atMost: 1_024)
    try arguments.opaque(Array("1@\(myName)".utf8), atMost: 1_024)
    arguments.int32(1)
    // From the first byte to the end of the file.
    arguments.uint64(0)
    arguments.uint64(0)
    arguments.bool(reclaim)
    // This host's state number.
    arguments.int32(1)
    var results = XDRReader(try await call(program: 100_021, version: 4, procedure: 2, arguments.bytes))
    _ = try results.opaque(atMost: 1_024)
    let words = ["granted", "denied", "denied-nolocks", "blocked", "denied-grace"]
    let status = Int(try results.uint32())
    guard words.indices.contains(status) else { throw NSMPeerError("\(host) answers with status \(status)") }
    return words[status]
  }

  private func call(
    program: UInt32, version: UInt32, procedure: UInt32, _ arguments: [UInt8]
  ) async throws -> [UInt8] {
    try await RPCClient(host: host, over: .tcp).call(
      program: program, version: version, procedure: procedure, arguments: arguments, within: .seconds(limit))
  }
}
