internal import Cluster

/// Reading of `self_fence:`.
enum NodeFileSelfFence {
  /// What of it goes where.
  struct Reading {
    var configuration: SelfFenceConfiguration
    /// `timeout`, for ``BeatTimings/watchdog``.
    var timeout: Duration
  }

  /// Nil where it can't be read, which is reported.
  static func read(_ value: NodeFileValue) -> Reading? {
    guard let section = value.section(known: ["watchdog", "timeout"]) else { return nil }
    let watchdog = section.required("watchdog", "the machine's watchdog device, such as /dev/watchdog")
    let path = watchdog?.absolutePath("a watchdog device")
    // The least that the defaults of `beats` allow.
    var timeout = Duration.seconds(4)
    let isRead = NodeFileTimings.read(section, "timeout", .seconds(1)...(.seconds(600)), into: &timeout)
    guard let path, isRead else { return nil }
    return Reading(configuration: SelfFenceConfiguration(watchdog: path), timeout: timeout)
  }
}
