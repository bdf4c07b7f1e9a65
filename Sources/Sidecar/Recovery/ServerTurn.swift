import Cluster
import NodeHost

/// This node's own NFS server, which the adoptions of several services restart one after the other: in the middle of one
/// restart another would find the server stopped or started by nobody, and a grace period that is not its own.
actor ServerTurn {
  /// How often it was restarted, or was begun to be, since the daemon began.
  private(set) var restarts = 0
  private(set) var isTaken = false
  /// When somebody left it last.
  private(set) var leftAt: BootInstant?
  /// Who came first is first.
  private var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
  private var lastTicket: UInt64 = 0
  /// How many wait.
  var waitingCount: Int { waiting.count }

  /// The restarts that showed in what the kernel said when it was asked at `moment`; nil where one may be half seen.
  func restarts(before moment: BootInstant) -> Int? {
    isTaken || leftAt.map { $0 >= moment } ?? false ? nil : restarts
  }

  /// Takes it if nobody has it.
  func takeIfFree() -> Bool {
    guard !isTaken else { return false }
    isTaken = true
    return true
  }

  /// Waits until nobody else has it, and takes it.
  ///
  /// - Throws: `CancellationError`
  func take(toRestart: Bool) async throws {
    try Task.checkCancellation()
    if isTaken { try await wait() }
    isTaken = true
    if toRestart { restarts += 1 }
  }

  private func wait() async throws {
    lastTicket += 1
    let ticket = lastTicket
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        // Cancelled before it could wait: nobody would resume it.
        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
        waiting.append((ticket, continuation))
      }
    } onCancel: {
      Task { await self.giveUp(ticket) }
    }
  }

  private func giveUp(_ ticket: UInt64) {
    guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return }
    waiting.remove(at: index).continuation.resume(throwing: CancellationError())
  }

  /// Leaves it to the next, who has it at once: nobody comes in between.
  func leave() {
    leftAt = .now
    isTaken = !waiting.isEmpty
    if isTaken { waiting.removeFirst().continuation.resume() }
  }
}
