/// Work that is started now and ends by itself, owned by a service's ``run()``: structured, though it is begun
/// from many places.
struct JobQueue: Sendable {
  typealias Job = @Sendable () async -> Void

  private let stream: AsyncStream<Job>
  private let continuation: AsyncStream<Job>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream(of: Job.self)
  }

  /// Starts `job`, now or as soon as ``run()`` does.
  func start(_ job: @escaping Job) {
    continuation.yield(job)
  }

  /// Runs every job that is started until the task is cancelled, then waits for them to end.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await job in stream { group.addTask { await job() } }
      group.cancelAll()
    }
  }
}
