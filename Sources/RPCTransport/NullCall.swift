/// Procedure 0, which every RPC program has and which does nothing: it shows that the program answers.
public enum NullCall {
  /// Returns when the program answered.
  ///
  /// - Parameters:
  ///   - host: a name or an IPv4 or IPv6 literal.
  ///   - limit: the call is over by then.
  ///   - networkNamespace: as ``RPCClient/networkNamespace``.
  ///   - place: where it blocks; for a call from a network namespace a thread of its own.
  /// - Throws: ``RPCError`` that says why the program doesn't answer.
  public static func run(
    program: UInt32, version: UInt32, over transport: RPCProtocol, host: String, within limit: Duration,
    networkNamespace: String? = nil, at place: CallPlace = .ownThread
  ) async throws(RPCError) {
    _ = try await RPCClient(host: host, over: transport, networkNamespace: networkNamespace).call(
      program: program, version: version, procedure: 0, resultLimit: 1_024, within: limit, at: place)
  }
}
