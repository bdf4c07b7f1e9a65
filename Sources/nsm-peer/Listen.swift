import ArgumentParser
import Dispatch
import Glibc
import RPCTransport

/// `nsm-peer listen`
struct Listen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stands in for this host's lock manager and prints the callbacks of its status monitor.",
    discussion: """
      Serves 127.0.0.1 over UDP from a privileged port, registered with the local rpcbind as nlockmgr (100021) \
      versions 1, 3 and 4. Ends with exit status 0 after --count callbacks, with 1 at the --timeout or at \
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

  /// Why waiting ends, or that it doesn't.
  private enum Event: Sendable {
    case callback(LockManagerCallbacks.Callback)
    case timeout
    case signal(Int32)
  }

  func run() async throws {
    try await refuseSecondLockManager()
    let (callbacks, heard) = AsyncStream.makeStream(of: LockManagerCallbacks.Callback.self)
    let lockManager = LockManagerCallbacks(heard: heard)
    let service = try RPCDatagramService(isPrivileged: true) { lockManager.answer($0) }
    defer { service.stop() }
    // From here on a signal must not end the process before the registrations are taken back.
    let (signals, signalled) = AsyncStream.makeStream(of: Int32.self)
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { signalled.yield(number) }
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
          program: LockManagerCallbacks.program, version: version, protocol: .udp, port: service.port)
      }
      try WholeFile.writeReady(ready, port: service.port)
      outcome = .success(await receive(callbacks, signals))
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

  /// True after the last callback.
  private func receive(
    _ callbacks: AsyncStream<LockManagerCallbacks.Callback>, _ signals: AsyncStream<Int32>
  ) async -> Bool {
    let (events, event) = AsyncStream.makeStream(of: Event.self)
    return await withTaskGroup(of: Void.self) { group in
      group.addTask { for await callback in callbacks { event.yield(.callback(callback)) } }
      group.addTask { for await number in signals { event.yield(.signal(number)) } }
      if let timeout {
        group.addTask {
          // Cancelled as soon as the callbacks are complete.
          guard (try? await Task.sleep(for: .seconds(timeout))) != nil else { return }
          event.yield(.timeout)
        }
      }
      defer { group.cancelAll() }
      var missing = count
      for await event in events {
        switch event {
        case .callback(let callback):
          callback.line.printNow()
          missing -= 1
          if missing == 0 { return true }
        case .timeout:
          complain("\(missing) of \(count) callbacks didn't come within \(timeout ?? 0) seconds")
          return false
        case .signal(let number):
          complain("ended by signal \(number), \(missing) of \(count) callbacks missing")
          return false
        }
      }
      return false
    }
  }

  /// A lock manager that answers must keep its registration; one that doesn't left it behind.
  private func refuseSecondLockManager() async throws {
    for version in LockManagerCallbacks.versions {
      do throws(RPCError) {
        try await NullCall.run(
          program: LockManagerCallbacks.program, version: version, over: .udp, host: "127.0.0.1",
          within: .seconds(2))
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
