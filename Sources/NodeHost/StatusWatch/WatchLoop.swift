import CLinux
import Glibc
import StatusMonitor

/// The body of the watch's thread.
struct WatchLoop {
  /// How often the path is compared with what is watched: nothing tells of a mount over `sm/`, or of a rename of a
  /// folder above it.
  private static let comparePeriod = Duration.seconds(1)
  /// How often an `sm/` that isn't there is looked for.
  private static let searchPeriod = Duration.milliseconds(200)
  /// How often inotify is tried again where its limits are reached.
  private static let retryPeriod = Duration.seconds(5)

  /// Up to so many records that were written at once are read here; more would keep the thread from the events.
  private static let fewRecords = 4

  private enum State: Equatable {
    case watching(watch: Int32, DirectoryIdentity)
    /// There is no `sm/`.
    case absent
    /// There is one, but it can't be watched.
    case unwatched
  }

  private let directory: StatusDirectory
  private let gathering: HintGathering
  private let stopSignal: ThreadSignal
  private var state = State.absent
  /// What the kernel has told; long enough for any event: one with a name of 255 bytes has 272.
  private var bytes = [UInt8](repeating: 0, count: 16_384)

  private var records: String { directory.records }

  init(directory: StatusDirectory, gathering: HintGathering, stopSignal: ThreadSignal) {
    self.directory = directory
    self.gathering = gathering
    self.stopSignal = stopSignal
  }

  mutating func run() {
    let number = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    guard number >= 0 else { return runWithoutInotify() }
    let inotify = Descriptor(owning: number)
    state = attach(inotify.number)
    note(.started)
    if state == .unwatched { note(.unwatched) }
    var compareAt = BootClock.now + period
    while true {
      var polled = [
        pollfd(fd: stopSignal.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: inotify.number, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&polled, 2, (compareAt - BootClock.now).pollMilliseconds)
      if polled[0].revents != 0 { return }
      if polled[1].revents != 0 {
        drain(inotify.number)
        compareAt = min(compareAt, BootClock.now + period)
      }
      // By the clock, not by poll's time-out: a directory that is always busy is compared too.
      if BootClock.now >= compareAt {
        compare(inotify.number)
        compareAt = BootClock.now + period
      }
    }
  }

  private var period: Duration {
    switch state {
    case .watching: Self.comparePeriod
    case .absent: Self.searchPeriod
    case .unwatched: Self.retryPeriod
    }
  }

  /// fs.inotify.max_user_instances is used up: have the directory read now and then.
  private mutating func runWithoutInotify() {
    note(.started)
    while true {
      note(.unwatched)
      var polled = pollfd(fd: stopSignal.number, events: Int16(POLLIN), revents: 0)
      _ = poll(&polled, 1, Self.retryPeriod.pollMilliseconds)
      if polled.revents != 0 { return }
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
    case .absent:
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
    case .absent: break
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
