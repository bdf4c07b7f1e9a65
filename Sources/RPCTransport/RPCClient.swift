import CLinux

/// Calls procedures of one host; arguments and results are XDR.
///
/// Every call resolves the host, asks its rpcbind for the port unless one is given, and uses a socket of its
/// own.
public struct RPCClient: Sendable {
  /// A name or an IPv4 or IPv6 literal.
  public let host: String
  /// Over what.
  public let transport: RPCProtocol
  /// Nil: ask the host's rpcbind, over the same transport.
  public let port: UInt16?
  /// The network namespace that it calls from, a file such as `/run/netns/NAME`; nil: this process's own.
  public let networkNamespace: String?

  /// A client for `host`.
  public init(host: String, over transport: RPCProtocol, port: UInt16? = nil, networkNamespace: String? = nil)
  {
    self.host = host
    self.transport = transport
    self.port = port
    self.networkNamespace = networkNamespace
  }

  /// Calls a procedure with `AUTH_NONE` and returns its results.
  ///
  /// - Parameters:
  ///   - arguments: the arguments in XDR; at most 8 KiB over UDP.
  ///   - resultLimit: longer results are an error, in bytes; at most 8 KiB come over UDP.
  ///   - limit: the call is over by then, resolving the host's name included.
  ///   - place: where it blocks; for a call from a network namespace a thread of its own.
  /// - Throws: ``RPCError``; at once with code ``RPCError/Code/busy`` where earlier calls to the same host and
  ///   program still hang.
  public func call(
    program: UInt32, version: UInt32, procedure: UInt32, arguments: [UInt8] = [], resultLimit: Int = 65_536,
    within limit: Duration, at place: CallPlace = .ownThread
  ) async throws(RPCError) -> [UInt8] {
    let origin = networkNamespace.map { " in \($0)" } ?? ""
    let subject = rpcSubject(program: program, version: version, over: transport, host: host) + origin
    guard arguments.count.isMultiple(of: 4) else {
      throw RPCError(.invalid, "\(subject): \(arguments.count) bytes of arguments aren't XDR")
    }
    let (host, transport, port, namespace) = (host, transport, port, networkNamespace)
    return try await RPCThreads.shared.run(
      subject, within: limit, at: place, changesThread: namespace != nil
    ) { deadline throws(RPCError) in
      if let namespace {
        // The call's own thread, which ends with it since `changesThread` says so.
        let failure = lfh_enter_network_namespace(namespace)
        if failure != 0 { throw RPCError(.failed, "\(subject): \(systemErrorText(-failure))") }
      }
      return try RPCExchange(
        host: host, transport: transport, port: port, program: program, version: version, deadline: deadline
      ).call(procedure: procedure, arguments: arguments, resultLimit: resultLimit)
    }
  }
}
