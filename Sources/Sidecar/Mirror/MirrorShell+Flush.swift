import Cluster

/// Whoever waits until everything is in the store.
extension MirrorShell {
  /// Reads the directory again and returns when all of it is in the store, or `limit` is over, or the task is cancelled,
  /// or the service is no longer this node's.
  func flush(_ service: ServiceName, within limit: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.flush(service) }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  private func flush(_ service: ServiceName) async {
    await inTurn { await self.rescan() }
    guard let instance = entries[service]?.instance, !instance.isSettled else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if Task.isCancelled || entries[service] == nil {
          continuation.resume()
        } else {
          entries[service]?.flushes.append(continuation)
        }
      }
    } onCancel: {
      jobs.start { await self.endFlushes(service) }
    }
  }

  /// They wait no longer: it is, or it never will be.
  func endFlushes(_ service: ServiceName) {
    guard let waiting = entries[service]?.flushes, !waiting.isEmpty else { return }
    entries[service]?.flushes = []
    for continuation in waiting { continuation.resume() }
  }
}
