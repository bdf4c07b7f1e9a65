import ArgumentParser
import Dispatch
import Glibc
import RPCTransport

/// `nsm-peer listen`
struct Listen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stands in for this host's lock manager and prints the callbacks of its status monitor.",
    discussion: """
      Serves UDP, registered with the local rpcbind as nlockmgr (100021) versions 1, 3 and 4. Ends with exit status 0 after --count callbacks, with 1 at the --timeout or at \
      SIGTERM or SIGINT, and takes its registrations back. Refuses to start where a lock manager answers.
      """)

  @Option(help: "Write this file, {\"pid\":N,\"port\":N}, when callbacks can be received.")
  var ready: String

  @Option(help: "How many callbacks to receive.")
  var count = 1

  @Option(help: "Seconds to wait for them; without it, as long as it takes.")
  var timeout: Double?

  func validate() throws {
    guard count > 0 else { throw ValidationError("--count takes 1 or more") }
    if let timeout, !(timeout > 0 && timeout <= 1_000_000) {
      throw ValidationError("--timeout takes more than 0 seconds, at most 1000000")
    }
  }

  func run() async throws {
    try await refuseSecondLockManager()
    let server = try RPCServer(port: nil, messageLimit: 4_096)
    guard let port = server.endpoints.first(where: { $0.netID == RPCProtocol.udp.rawValue })?.port else {
      throw NSMPeerError("no UDP port over IPv4")
    }
    // From here on a signal must not end the process before the registrations are taken back.
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw NSMPeerError("no pipe: \(String(cString: strerror(errno)))") }
    let (signalled, signalling) = (ends[0], ends[1])
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [byte = UInt8(number)] in
        _ = withUnsafeBytes(of: byte) { write(signalling, $0.baseAddress, 1) }
      }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }

    let outcome: Result<Bool, any Error>
    do {
      for version in LockManagerCallbacks.versions {
        try await PortMapper.unregister(
          program: LockManagerCallbacks.program, version: version, protocol: .udp)
        try await PortMapper.register(
          program: LockManagerCallbacks.program, version: version, protocol: .udp, port: port)
      }
      try WholeFile.writeReady(ready, port: port)
      outcome = .success(receive(from: server, until: signalled))
    } catch {
      outcome = .failure(error)
    }
    for version in LockManagerCallbacks.versions {
      do {
        try await PortMapper.unregister(
          program: LockManagerCallbacks.program, version: version, protocol: .udp)
      } catch {
        complain("the registration stays behind: \(error)")
      }
    }
    if try !outcome.get() { throw ExitCode.failure }
  }

  /// True after the last callback. Blocks its thread, which has nothing else to do.
  private func receive(from server: RPCServer, until signalled: Int32) -> Bool {
    let deadline = timeout.map { ContinuousClock.now + .seconds($0) }
    var lockManager = LockManagerCallbacks()
    var missing = count
    while missing > 0 {
      let left = deadline.map { ContinuousClock.now.duration(to: $0) }
      if let left, left <= .zero {
        complain("\(missing) of \(count) callbacks didn't come within \(timeout ?? 0) seconds")
        return false
      }
      let (arrivals, readable) = server.wait(for: left, beside: [signalled])
      for arrival in arrivals where missing > 0 {
        let (reply, callback) = lockManager.answer(arrival)
        server.answer(arrival.request, reply)
        guard let callback else { continue }
        callback.line.printNow()
        missing -= 1
      }
      if readable.contains(signalled), missing > 0 {
        complain("ended by a signal, \(missing) of \(count) callbacks missing")
        return false
      }
    }
    return true
  }

  /// A lock manager that answers must keep its registration; one that doesn't left it behind.
  private func refuseSecondLockManager() async throws {
    for version in LockManagerCallbacks.versions {
      do throws(RPCError) {
        try await NullCall.run(
          program: LockManagerCallbacks.program, version: version, over: .udp, host: "127.0.0.1",
          within: .seconds(20))
      } catch {
        // Nobody is there, or a stale entry. No rpcbind shows when this program registers.
        if [.notRegistered, .unreachable, .rejected].contains(error.code) { continue }
        throw error
      }
      throw NSMPeerError(
        "a lock manager (100021 version \(version)) answers on this host already; use a network namespace")
    }
  }

  private func complain(_ text: String) {
    let line = "nsm-peer: \(text)\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
  }
}
