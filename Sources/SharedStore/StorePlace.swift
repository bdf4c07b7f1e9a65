internal import Synchronization

/// Where a directory store is, and what its calls share.
final class StorePlace: Sendable {
  let path: String
  /// Told before each system call that changes something; tests end the process there.
  let steps: StoreSteps
  /// The marker that was read last and said what it should.
  private let marker = Mutex<FileVersion?>(nil)

  init(_ path: String, steps: (@Sendable (String) -> Void)?) {
    self.path = path
    self.steps = StoreSteps(steps)
  }

  /// As the operator wrote it.
  var location: String { "directory:" + path }

  func knows(_ marker: FileVersion) -> Bool { self.marker.withLock { $0 == marker } }

  func remember(_ marker: FileVersion) { self.marker.withLock { $0 = marker } }
}

/// The seam for crash tests.
struct StoreSteps: Sendable {
  private let observer: (@Sendable (String) -> Void)?

  init(_ observer: (@Sendable (String) -> Void)?) {
    self.observer = observer
  }

  /// Says what comes next.
  func reached(_ step: @autoclosure () -> String) {
    if let observer { observer(step()) }
  }
}
