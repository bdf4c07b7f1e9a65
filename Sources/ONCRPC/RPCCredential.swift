/// Who a call says it comes from: the `opaque_auth` of RFC 5531, section 8.2.
public enum RPCCredential: Equatable, Sendable {
  /// `AUTH_NONE`: nobody says anything.
  case none
  /// `AUTH_SYS`: a claim that nobody checks (RFC 5531, appendix A).
  case system(SystemCredential)
  /// Another flavour, its body not looked into.
  case other(flavor: UInt32, body: [UInt8])

  /// The body's greatest length.
  public static let maximumBodyBytes = 400

  static let noneFlavor: UInt32 = 0
  static let systemFlavor: UInt32 = 1

  init(from reader: inout XDRReader) throws(XDRError) {
    let flavor = try reader.uint32()
    let body = try reader.opaque(atMost: RPCCredential.maximumBodyBytes)
    switch flavor {
    // RFC 5531, section 10.1: the body of AUTH_NONE is to be empty, and isn't to be looked at.
    case RPCCredential.noneFlavor: self = .none
    case RPCCredential.systemFlavor: self = .system(try SystemCredential(body: body))
    default: self = .other(flavor: flavor, body: body)
    }
  }

  func write(to writer: inout XDRWriter) throws(XDRError) {
    switch self {
    case .none:
      writer.uint32(RPCCredential.noneFlavor)
      writer.uint32(0)
    case .system(let credential):
      writer.uint32(RPCCredential.systemFlavor)
      try writer.opaque(try credential.body, atMost: RPCCredential.maximumBodyBytes)
    case .other(let flavor, let body):
      writer.uint32(flavor)
      try writer.opaque(body, atMost: RPCCredential.maximumBodyBytes)
    }
  }
}

/// The body of `AUTH_SYS` (RFC 5531, appendix A: `authsys_parms`).
public struct SystemCredential: Equatable, Sendable {
  /// An arbitrary number.
  public var stamp: UInt32
  /// The caller's machine, at most 255 bytes.
  public var machineName: [UInt8]
  /// The caller's effective user.
  public var user: UInt32
  /// The caller's effective group.
  public var group: UInt32
  /// Further groups, at most 16.
  public var groups: [UInt32]

  /// A claim made of these.
  public init(
    stamp: UInt32 = 0, machineName: [UInt8], user: UInt32, group: UInt32, groups: [UInt32] = []
  ) {
    self.stamp = stamp
    self.machineName = machineName
    self.user = user
    self.group = group
    self.groups = groups
  }

  init(body: [UInt8]) throws(XDRError) {
    var reader = XDRReader(body)
    stamp = try reader.uint32()
    machineName = try reader.opaque(atMost: 255)
    user = try reader.uint32()
    group = try reader.uint32()
    groups = []
    for _ in 0..<(try reader.count(atMost: 16)) { groups.append(try reader.uint32()) }
    try reader.finish()
  }

  var body: [UInt8] {
    get throws(XDRError) {
      var writer = XDRWriter()
      writer.uint32(stamp)
      try writer.opaque(machineName, atMost: 255)
      writer.uint32(user)
      writer.uint32(group)
      guard groups.count <= 16 else { throw .tooLong(length: groups.count, limit: 16) }
      writer.uint32(UInt32(groups.count))
      for group in groups { writer.uint32(group) }
      return writer.bytes
    }
  }
}
