import CLinux
import Glibc
import StatusMonitor
import Synchronization

/// The kernel's events about one `sm/`, on a thread that serves others as well.
final class WatchSource: ThreadSource {
  /// Where the limits of inotify are reached (fs.inotify.max_user_instances) there is nothing to poll.
  private let inotify: Descriptor?
  private let watching: Mutex<Watching>

  init(directory: StatusDirectory, gathering: HintGathering) {
    let number = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    inotify = number >= 0 ? Descriptor(owning: number) : nil
    watching = Mutex(
      Watching(directory: directory, gathering: gathering, inotify: number >= 0 ? number : nil))
  }

  var descriptor: Int32 {
    switch inotify {
    case .some(let inotify): inotify.number
    case .none: -1
    }
  }

  func run() -> ThreadSourceRest {
    watching.withLock { $0.run() }
  }
}

/// What one `sm/` is watched by, and what was seen.
struct Watching: Sendable {
  /// How often the path is compared with what is watched: nothing tells of a mount over `sm/`, or of a rename of a
  /// folder above it.
  private static let comparePeriod = Duration.milliseconds(500)
  /// How often an `sm/` that isn't there is looked for.
  private static let searchPeriod = Duration.milliseconds(200)
  /// How often inotify is tried again where its limits are reached.
  private static let retryPeriod = Duration.seconds(5)

  /// Up to so many records that were written at once are read here; more would keep the thread from the events.
  private static let fewRecords = 4

  private enum State: Equatable {
    /// Nothing was looked at yet.
    case new
    case watching(watch: Int32, DirectoryIdentity)
    /// There is no `sm/`.
    case absent
    /// There is one, but it can't be watched.
    case unwatched
  }

  private let directory: StatusDirectory
  private let gathering: HintGathering
  private let inotify: Int32?
  private var state = State.new
  private var compareAt = Duration.zero
  /// What the kernel has told; long enough for any event: one with a name of 255 bytes has 272.
  private var bytes = [UInt8](repeating: 0, count: 16_384)

  private var records: String { directory.records }

  init(directory: StatusDirectory, gathering: HintGathering, inotify: Int32?) {
    self.directory = directory
    self.gathering = gathering
    self.inotify = inotify
  }

  /// Takes what the kernel has told; says when to look again.
  mutating func run() -> ThreadSourceRest {
    guard let inotify else {
      if state == .new { note(.started) }
      state = .unwatched
      note(.unwatched)
      return rest(Self.retryPeriod)
    }
    if state == .new {
      state = attach(inotify)
      note(.started)
      if state == .unwatched { note(.unwatched) }
      compareAt = BootClock.now + period
    }
    drain(inotify)
    compareAt = min(compareAt, BootClock.now + period)
    // By the clock, not by silence: a directory that is always busy is compared too.
    if BootClock.now >= compareAt {
      compare(inotify)
      compareAt = BootClock.now + period
    }
    return rest(compareAt - BootClock.now)
  }

  /// With a beat, mostly.
  private func rest(_ limit: Duration) -> ThreadSourceRest {
    ThreadSourceRest(earliest: limit, tolerance: min(max(limit, .zero), Self.comparePeriod))
  }

  private var period: Duration {
    switch state {
    case .watching: Self.comparePeriod
    case .absent, .new: Self.searchPeriod
    case .unwatched: Self.retryPeriod
    }
  }

  private func note(_ reason: StatusDirectoryHints.RescanReason) {
    gathering.note { $0.rescanReasons.insert(reason) }
  }

  /// Watches what the path names now.
  private func attach(_ inotify: Int32) -> State {
    // Watched through a descriptor, so that it is this very directory whose identity is kept. The descriptor
    // must not stay open: it would keep the file system from being unmounted.
    let number = lfh_open_directory_path(records)
    guard number >= 0 else { return .absent }
    let directory = Descriptor(owning: number)
    guard let status = try? directory.status() else { return .absent }
    let watch = inotify_add_watch(inotify, "/proc/self/fd/\(number)", InotifyMask.records.rawValue)
    guard watch >= 0 else { return .unwatched }
    return .watching(watch: watch, DirectoryIdentity(status))
  }

  /// Looks whether the path still names what is watched.
  private mutating func compare(_ inotify: Int32) {
    switch state {
    case .watching(let watch, let identity):
      var status = Glibc.stat()
      guard stat(records, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
        return lose(watch, inotify, because: .vanished)
      }
      if DirectoryIdentity(status) != identity { lose(watch, inotify, because: .replaced) }
    case .absent, .new:
      let found = attach(inotify)
      guard found != .absent else { return }
      state = found
      note(.appeared)
      if found == .unwatched { note(.unwatched) }
    case .unwatched:
      state = attach(inotify)
      note(state == .unwatched ? .unwatched : state == .absent ? .vanished : .appeared)
    }
  }

  /// Lets go of the watched directory and looks for another one under the path.
  private mutating func lose(
    _ watch: Int32, _ inotify: Int32, because reason: StatusDirectoryHints.RescanReason
  ) {
    // Fails where the kernel has dropped it already. What is still queued has an old number and is passed over.
    inotify_rm_watch(inotify, watch)
    state = attach(inotify)
    note(reason)
    switch state {
    case .watching: note(.appeared)
    case .absent, .new: break
    case .unwatched: note(.unwatched)
    }
  }

  private mutating func drain(_ inotify: Int32) {
    // Not forever: a directory that is written without pause must not keep us from stopping.
    for _ in 0..<64 {
      let count = Glibc.read(inotify, &bytes, bytes.count)
      guard count > 0 else { return }
      let events = InotifyEvent.parse(bytes[..<count])
      guard case .watching(let watch, _) = state else { continue }
      let own = events.filter { $0.watch == watch || $0.mask.contains(.overflow) }
      let begunAt = BootClock.now
      let readings = read(own, at: begunAt)
      gathering.note { hints in
        for event in own { Self.apply(event, at: begunAt, to: &hints) }
        hints.note(readings, begunAt: begunAt)
      }
      if let reason = Self.loss(of: watch, in: events) {
        lose(watch, inotify, because: reason)
      }
    }
  }

  /// What the records hold that these events say were written, where they are few.
  private func read(_ events: [InotifyEvent], at moment: Duration) -> [ClientName: RecordReading] {
    guard events.count <= Self.fewRecords else { return [:] }
    var hints = StatusDirectoryHints()
    for event in events { Self.apply(event, at: moment, to: &hints) }
    var readings: [ClientName: RecordReading] = [:]
    // Whoever takes the hints reads again what could not be read here, and tells of it.
    for client in hints.written { readings[client] = try? directory.read(client) }
    return readings
  }

  private static func loss(
    of watch: Int32, in events: [InotifyEvent]
  ) -> StatusDirectoryHints.RescanReason? {
    var gone = false
    for event in events where event.watch == watch {
      if event.mask.contains(.unmounted) { return .unmounted }
      if !event.mask.isDisjoint(with: [.deleteSelf, .moveSelf, .ignored]) { gone = true }
    }
    return gone ? .vanished : nil
  }

  private static func apply(
    _ event: InotifyEvent, at moment: Duration, to hints: inout StatusDirectoryHints
  ) {
    if event.mask.contains(.overflow) {
      hints.rescanReasons.insert(.overflow)
      return
    }
    guard !event.name.isEmpty, !event.mask.contains(.isDirectory) else { return }
    let client: ClientName
    do {
      client = try ClientName(event.name)
    } catch {
      if event.mask.contains(.movedFrom), let client = renamed(event.name) {
        hints.rewritten[client] = moment
      }
      let isWritten = !event.mask.isDisjoint(with: [.closeWrite, .movedTo])
      if isWritten, !isTemporary(event.name) {
        hints.refused.insert(RefusedFile(name: error.name, client: nil, reason: error.reason))
      }
      return
    }
    if !event.mask.isDisjoint(with: [.closeWrite, .movedTo]) {
      hints.noteWritten(client)
    } else if event.mask.contains(.delete) {
      hints.noteRemoved(client)
    } else if event.mask.contains(.movedFrom) {
      hints.noteRetired(client)
    }
  }

  /// Whose record statd has written, where this is the name that it then renames (support/nsm/file.c,
  /// `nsm_make_temp_pathname`: `NAME.new`, and `.NAME.new` from nfs-utils 2.8.2 on). In the place of the record it stands
  /// by the next event.
  private static func renamed(_ name: [UInt8]) -> ClientName? {
    guard name.suffix(new.count).elementsEqual(new) else { return nil }
    let record = name.dropLast(new.count)
    return try? ClientName(Array(record.first == UInt8(ascii: ".") ? record.dropFirst() : record))
  }

  /// What statd and lockferry write before they rename: hidden names, `*.new`.
  private static func isTemporary(_ name: [UInt8]) -> Bool {
    name.first == UInt8(ascii: ".") || name.suffix(new.count).elementsEqual(new)
  }

  private static let new = ".new".utf8
}
