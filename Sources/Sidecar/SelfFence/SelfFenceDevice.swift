import Cluster
import Glibc
import NodeHost
import Synchronization

/// This machine's watchdog in the daemon's hands.
///
/// A mark in the run directory, which a reset empties, says that it counts: the next daemon takes it on instead of trying
/// it. Every call may take as long as the device does.
final class SelfFenceDevice: Sendable {
  let path: String
  /// The daemon before this one left it counting.
  let wasArmed: Bool
  private let timings: BeatTimings
  private let timeout: Duration
  private let mark: String
  private let state = Mutex(State())

  private struct State {
    var device: WatchdogDevice?
    /// It counts from another time down, which the daemon before this one chose.
    var isForeign = false
  }

  /// Looks whether the device can be had: it is started and stopped, or, where it counts already, held.
  ///
  /// - Returns: nil where the node file names none.
  /// - Throws: ``SidecarError`` where the node could not fence itself when it has to.
  static func prepare(_ configuration: NodeConfiguration) throws -> SelfFenceDevice? {
    guard let path = configuration.selfFence?.watchdog, let timeout = configuration.beats.watchdog else {
      return nil
    }
    do {
      let device = SelfFenceDevice(
        path: path, timeout: timeout, timings: configuration.beats, runDirectory: configuration.runDirectory)
      if device.wasArmed {
        let found = try WatchdogDevice.open(path)
        device.state.withLock { $0 = State(device: found, isForeign: true) }
      } else {
        try device.arm()
        try device.disarm()
      }
      return device
    } catch {
      throw SidecarError(.failed, "self_fence: \(error)")
    }
  }

  private init(path: String, timeout: Duration, timings: BeatTimings, runDirectory: String) {
    self.path = path
    self.timeout = timeout
    self.timings = timings
    mark = runDirectory + "/self-fence.armed"
    wasArmed = access(mark, F_OK) == 0
  }

  /// Starts it.
  ///
  /// - Throws: ``NodeHostError``; it does not count then.
  func arm() throws {
    try DurableFile.write(Array("\(path) counts\n".utf8), to: mark)
    do {
      let device = try WatchdogDevice.open(path)
      do {
        try device.start(timeout: timeout)
      } catch {
        try device.stop()
        throw error
      }
      state.withLock { $0 = State(device: device) }
    } catch {
      unlink(mark)
      throw error
    }
  }

  /// Lets it count anew, where the reset would still come in time.
  ///
  /// - Throws: ``NodeHostError``; it goes on counting then.
  func feed(renewedAt: BootInstant) throws {
    try state.withLock { state in
      guard let device = state.device, timings.leavesTimeForReset(renewedAt: renewedAt, now: .now) else {
        return
      }
      if state.isForeign { try device.start(timeout: timeout) } else { try device.feed() }
      state.isForeign = false
    }
  }

  /// Stops it.
  ///
  /// - Throws: ``NodeHostError``; it may go on counting then.
  func disarm() throws {
    try state.withLock { state in
      try state.device?.stop()
      state.device = nil
    }
    unlink(mark)
  }

  /// Lets it count for as long as the others wait for a daemon that was stopped on purpose.
  ///
  /// - Throws: ``NodeHostError``; it goes on counting then.
  func outlastStop() throws {
    guard let longer = timings.watchdogAfterStop else { return }
    try state.withLock { try $0.device?.start(timeout: longer) }
  }
}
