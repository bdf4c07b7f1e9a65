public import StatusMonitor

/// What may have changed in `sm/` since it was last asked: hints, the directory is the truth.
///
/// A name is in at most one of the three sets: what happened to it last.
public struct StatusDirectoryHints: Sendable, Equatable {
  /// Why the whole directory should be read again.
  public enum RescanReason: String, Sendable, Hashable, CaseIterable {
    /// The watch has begun; what happened before it is unknown.
    case started
    /// The kernel's queue was full (fs.inotify.max_queued_events) and events are lost.
    case overflow
    /// The file system with `sm/` was unmounted.
    case unmounted
    /// `sm/` is gone: removed, renamed, or a folder above it.
    case vanished
    /// There is an `sm/` again, or for the first time.
    case appeared
    /// Another directory is in the place of `sm/`.
    case replaced
    /// inotify can't be used (its limits are reached): read the directory now and then.
    case unwatched
  }

  /// Records that were written and closed, or moved in under their name.
  public var written: Set<ClientName> = []
  /// When those of `written` were last put into their place by rpc.statd, by ``BootClock``, whatever they say: it writes
  /// `NAME.new`, lockferry does not.
  public var rewritten: [ClientName: Duration] = [:]
  /// Records that were unlinked. A `written` that follows makes it a refresh (statd unlinks and writes anew when a
  /// client's cookie changes).
  public var removed: Set<ClientName> = []
  /// Records that were moved out, as sm-notify does when it retires them to `sm.bak/`: no departure.
  public var retired: Set<ClientName> = []
  /// Files that were written under names that no client can have; statd's and our own temporary files are left
  /// out.
  public var refused: Set<RefusedFile> = []
  /// What those of `written` held that were few enough to be read by the watch itself, which spares waking somebody
  /// for it. Out of date where the directory was read after ``readAt``.
  public var readings: [ClientName: RecordReading] = [:]
  /// When the first of `readings` was begun, by ``BootClock``.
  public var readAt: Duration?
  /// Why everything should be read again; empty: it need not be.
  public var rescanReasons: Set<RescanReason> = []

  /// No hints yet.
  public init() {}

  /// Whether everything should be read again.
  public var rescan: Bool { !rescanReasons.isEmpty }

  /// Whether there is nothing to do.
  public var isEmpty: Bool {
    written.isEmpty && removed.isEmpty && retired.isEmpty && refused.isEmpty && rescanReasons.isEmpty
  }

  mutating func noteWritten(_ client: ClientName) {
    removed.remove(client)
    retired.remove(client)
    readings[client] = nil
    written.insert(client)
  }

  mutating func noteRemoved(_ client: ClientName) {
    written.remove(client)
    rewritten[client] = nil
    retired.remove(client)
    readings[client] = nil
    removed.insert(client)
  }

  mutating func noteRetired(_ client: ClientName) {
    written.remove(client)
    rewritten[client] = nil
    removed.remove(client)
    readings[client] = nil
    retired.insert(client)
  }

  mutating func note(_ readings: [ClientName: RecordReading], begunAt moment: Duration) {
    guard !readings.isEmpty else { return }
    readAt = min(readAt ?? moment, moment)
    self.readings.merge(readings) { $1 }
  }
}
