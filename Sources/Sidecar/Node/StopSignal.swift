/// Lets one side tell another to stop, once.
struct StopSignal: Sendable {
  private let stream: AsyncStream<Never>
  private let continuation: AsyncStream<Never>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream(of: Never.self)
  }

  /// From now on ``whileNotStopped(_:)`` cancels what it runs.
  func stop() {
    continuation.finish()
  }

  /// Runs `body` and cancels it when ``stop()`` is called; returns when `body` has.
  func whileNotStopped(_ body: @escaping @Sendable () async -> Void) async {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await body()
        return true
      }
      group.addTask { [stream] in
        for await _ in stream {}
        return false
      }
      _ = await group.next()
      group.cancelAll()
    }
  }
}
