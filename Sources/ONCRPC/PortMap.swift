/// What rpcbind is asked: the port mapper's version 2 and rpcbind's version 4 (RFC 1833).
public enum PortMap {
  /// The program, on port 111.
  public static let program: UInt32 = 100_000
  /// Its well-known port.
  public static let port: UInt16 = 111
  /// The version that knows IPv4 ports only.
  public static let portMapperVersion: UInt32 = 2
  /// The version that knows universal addresses.
  public static let rpcbindVersion: UInt32 = 4
  /// `PMAPPROC_GETPORT` and `RPCBPROC_GETADDR` have the same number in their versions.
  public static let lookUp: UInt32 = 3
  /// `IPPROTO_TCP`, as `PMAPPROC_GETPORT` wants it.
  public static let tcp: UInt32 = 6
  /// `IPPROTO_UDP`.
  public static let udp: UInt32 = 17

  /// The argument of `PMAPPROC_GETPORT`: `struct mapping` (RFC 1833, section 3).
  public static func portArguments(program: UInt32, version: UInt32, transport: UInt32) -> [UInt8] {
    var writer = XDRWriter()
    writer.uint32(program)
    writer.uint32(version)
    writer.uint32(transport)
    writer.uint32(0)
    return writer.bytes
  }

  /// The result of `PMAPPROC_GETPORT`; nil where the program isn't registered.
  public static func port(results: [UInt8]) throws(XDRError) -> UInt16? {
    var reader = XDRReader(results)
    let value = try reader.uint32()
    try reader.finish()
    guard let port = UInt16(exactly: value) else { throw .unknownValue(value, type: "port") }
    return port == 0 ? nil : port
  }

  /// The argument of `RPCBPROC_GETADDR`: `struct rpcb` (RFC 1833, section 2.1).
  ///
  /// - Parameter netID: such as `udp6`.
  public static func addressArguments(
    program: UInt32, version: UInt32, netID: String
  ) throws(XDRError) -> [UInt8] {
    var writer = XDRWriter()
    writer.uint32(program)
    writer.uint32(version)
    try writer.opaque(Array(netID.utf8), atMost: 64)
    try writer.opaque([], atMost: 0)
    try writer.opaque([], atMost: 0)
    return writer.bytes
  }

  /// The port of the universal address that `RPCBPROC_GETADDR` returns; nil where the program isn't registered.
  ///
  /// A universal address ends in `.HIGH.LOW`, the two bytes of the port in decimal (RFC 5665, section 5.2.3).
  public static func port(addressResults: [UInt8]) throws(XDRError) -> UInt16? {
    var reader = XDRReader(addressResults)
    let text = try reader.opaque(atMost: 256)
    try reader.finish()
    if text.isEmpty { return nil }
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .suffix(2).map { UInt8(String(decoding: $0, as: UTF8.self)) }
    guard parts.count == 2, let high = parts[0], let low = parts[1] else {
      throw .unreadableText(type: "universal address with a port")
    }
    let port = UInt16(high) << 8 | UInt16(low)
    return port == 0 ? nil : port
  }
}
