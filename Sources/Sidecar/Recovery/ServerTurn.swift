/// This node's own NFS server, which the adoptions of several services restart one after the other: in the middle of one
/// restart another would find the server stopped or started by nobody, and a grace period that is not its own.
actor ServerTurn {
  /// How often it was restarted, or was begun to be, since the daemon began.
  private(set) var restarts = 0
  private var isTaken = false

  /// Waits until nobody else has it, and takes it.
  ///
  /// - Throws: `CancellationError`
  func take(toRestart: Bool) async throws {
    while isTaken { try await Task.sleep(for: .milliseconds(20)) }
    isTaken = true
    if toRestart { restarts += 1 }
  }

  /// Leaves it to the next.
  func leave() { isTaken = false }
}
