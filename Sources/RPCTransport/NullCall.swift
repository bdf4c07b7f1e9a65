/// Procedure 0, which every RPC program has and which does nothing: it shows that the program answers.
public enum NullCall {
  /// Returns when the program answered.
  ///
  /// - Parameters:
  ///   - host: a name or an IPv4 or IPv6 literal.
  ///   - limit: the call is over by then.
  ///   - networkNamespace: as ``RPCClient/networkNamespace``.
  ///   - clock: measures the limit. Swift's own wakes threads of its pool each time.
  /// - Throws: ``RPCError`` that says why the program doesn't answer.
  public static func run(
    program: UInt32, version: UInt32, over transport: RPCProtocol, host: String, within limit: Duration,
    networkNamespace: String? = nil, by clock: any Clock<Duration> = ContinuousClock()
  ) async throws(RPCError) {
    _ = try await RPCClient(host: host, over: transport, networkNamespace: networkNamespace).call(
      program: program, version: version, procedure: 0, resultLimit: 1_024, within: limit, by: clock)
  }
}
