import CTirpc

/// The rpcbind of this host, and of others for look-ups.
public enum PortMapper {
  /// Registers a program that serves IPv4 loopback.
  ///
  /// rpcbind refuses where the program is registered already, for whatever port; unregister first.
  ///
  /// - Throws: ``RPCError``; what rpcbind refuses it doesn't explain.
  public static func register(
    program: UInt32, version: UInt32, protocol transport: RPCProtocol, port: UInt16,
    within limit: Duration = .seconds(5)
  ) async throws(RPCError) {
    let subject = rpcSubject(program: program, version: version, over: transport, host: "this host")
    try await RPCThreads.shared.run("registering \(subject)", within: limit) { _ throws(RPCError) in
      var address = try SocketAddress.resolve(host: "127.0.0.1")[0]
      address.port = port
      let isDone = address.withPointer {
        lf_rpcb_set(program, version, transport.rawValue, $0, $1)
      }
      guard isDone == 1 else {
        throw RPCError(
          .rejected,
          "\(subject): the local rpcbind doesn't register it; does rpcbind run, is this process root's, and "
            + "is the program registered already (rpcinfo -p)?")
      }
    }
  }

  /// Registers what a server serves, on every address of this host.
  ///
  /// - Throws: ``RPCError``; what rpcbind refuses it doesn't explain.
  public static func register(
    program: UInt32, version: UInt32, endpoint: RPCServer.Endpoint, within limit: Duration = .seconds(5)
  ) async throws(RPCError) {
    let subject = "program \(program) version \(version) over \(endpoint.netID)"
    try await RPCThreads.shared.run("registering \(subject)", within: limit) { _ throws(RPCError) in
      var address = endpoint.netID.hasSuffix("6") ? SocketAddress.anyIPv6 : SocketAddress.anyIPv4
      address.port = endpoint.port
      guard address.withPointer({ lf_rpcb_set(program, version, endpoint.netID, $0, $1) }) == 1 else {
        throw RPCError(
          .rejected,
          "\(subject): the local rpcbind doesn't register it; does rpcbind run, and is another one registered "
            + "(rpcinfo -p)?")
      }
    }
  }

  /// Takes a registration back; over which transport, rpcbind knows by its netid, `udp6` for example.
  ///
  /// - Returns: whether there was one that rpcbind removed.
  @discardableResult
  public static func unregister(
    program: UInt32, version: UInt32, netID: String, within limit: Duration = .seconds(5)
  ) async throws(RPCError) -> Bool {
    let subject = "unregistering program \(program) version \(version) over \(netID)"
    return try await RPCThreads.shared.run(subject, within: limit) { _ throws(RPCError) in
      lf_rpcb_unset(program, version, netID) == 1
    }
  }

  /// Takes a registration back, whoever made it.
  ///
  /// - Returns: whether there was one that rpcbind removed.
  @discardableResult
  public static func unregister(
    program: UInt32, version: UInt32, protocol transport: RPCProtocol, within limit: Duration = .seconds(5)
  ) async throws(RPCError) -> Bool {
    let subject = rpcSubject(program: program, version: version, over: transport, host: "this host")
    return try await RPCThreads.shared.run("unregistering \(subject)", within: limit) { _ throws(RPCError) in
      lf_rpcb_unset(program, version, transport.rawValue) == 1
    }
  }

  /// The port that the rpcbind of `host` knows for a program; nil where it knows none.
  public static func port(
    program: UInt32, version: UInt32, protocol transport: RPCProtocol, host: String, within limit: Duration
  ) async throws(RPCError) -> UInt16? {
    let subject = rpcSubject(program: program, version: version, over: transport, host: host)
    return try await RPCThreads.shared.run("looking up \(subject)", within: limit) {
      deadline throws(RPCError) in
      let exchange = RPCExchange(
        host: host, transport: transport, port: nil, program: program, version: version, deadline: deadline)
      return try exchange.lookUp(at: try SocketAddress.resolve(host: host)[0])
    }
  }
}
