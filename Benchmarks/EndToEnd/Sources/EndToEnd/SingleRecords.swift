import Glibc

/// From the close of a record's file to its being durable in the store, one record at a time.
struct SingleRecords {
  static let aim = 1.5
  private static let warmUp = 20

  let count: Int
  private var closeToVisible: [Duration] = []
  private var closeToDurable: [Duration] = []
  /// The same of ``BareMirror``, which shows how much of the difference any program has that is told by inotify and seen
  /// by it.
  private var bareMirror: [Duration] = []
  private var bare: [Duration] = []

  init(count: Int) {
    self.count = count
  }

  mutating func run(_ node: Node, bareFolder: String) throws -> Bool {
    let bareFolders = [bareFolder, bareFolder + "-sm", bareFolder + "-mirror", bareFolder + "-mirror-sm"]
    for folder in bareFolders { try Disk.makeFolder(folder) }
    let mirror = try Program.start([Self.bareMirrorProgram(), bareFolders[3], bareFolders[2]], output: nil)
    let daemon = try node.start()
    // One record, so that the service is open, its folder is there and the mirror is loaded.
    let (first, record) = Records.client(0, series: "first")
    _ = try Disk.writeAsStatd(record, to: "\(node.records)/\(first)")
    try daemon.waitUntilMirrored(1, looking: .milliseconds(50), within: .seconds(60))
    let arrivals = try Arrivals(in: node.storedRecords)
    let bareArrivals = try Arrivals(in: bareFolders[2])
    for number in 0..<(count + Self.warmUp) {
      if number == Self.warmUp { (closeToVisible, closeToDurable, bareMirror, bare) = ([], [], [], []) }
      // Whoever comes next finds the disk busy with what the one before left to do; so they take turns. The
      // pause is of no fixed length, so that the turns don't keep step with the daemon's beats.
      for turn in 0..<3 {
        switch (number + turn) % 3 {
        case 0:
          let (visible, durable) = try mirrored(number, from: node.records, to: node.storedRecords, arrivals)
          closeToVisible.append(visible)
          closeToDurable.append(durable)
        case 1:
          bareMirror.append(
            try mirrored(number, from: bareFolders[3], to: bareFolders[2], bareArrivals).durable)
        default: try written(number, to: bareFolders[0], after: bareFolders[1])
        }
      }
    }
    try daemon.stop()
    kill(mirror, SIGTERM)
    _ = waitpid(mirror, nil, 0)
    return report()
  }

  /// Built beside this program.
  private static func bareMirrorProgram() throws -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &path, path.count)
    guard length > 0, let end = path[..<length].lastIndex(of: UInt8(ascii: "/")) else {
      throw Failure(system: "/proc/self/exe")
    }
    return String(decoding: path[..<end], as: UTF8.self) + "/bare-mirror"
  }

  /// The daemon's own fsync of the folder can't be seen from outside without slowing it down. So this program
  /// waits for the rename that makes the record visible and then syncs the folder itself: when that returns the
  /// record is durable, whoever did it; the file system serves both in one commit of its journal.
  private func mirrored(
    _ number: Int, from records: String, to store: String, _ arrivals: Arrivals
  ) throws -> (visible: Duration, durable: Duration) {
    usleep(UInt32.random(in: 5_000...30_000))
    let (name, record) = Records.client(number, series: "single")
    let closing = try Disk.writeAsStatd(record, to: "\(records)/\(name)")
    try arrivals.wait(for: name, within: .seconds(30))
    let visible = ContinuousClock.now - closing
    try Disk.syncFolder(store)
    return (visible, ContinuousClock.now - closing)
  }

  /// The same record is written as statd does just before, so that both sides find the disk in the same mood:
  /// one that has just been flushed is quicker than one that slept.
  private mutating func written(_ number: Int, to folder: String, after statdFolder: String) throws {
    usleep(UInt32.random(in: 5_000...30_000))
    let (name, record) = Records.client(number, series: "single")
    let closing = try Disk.writeAsStatd(record, to: "\(statdFolder)/\(name)")
    try Disk.writeBare(record, as: name, in: folder)
    bare.append(ContinuousClock.now - closing)
  }

  private func report() -> Bool {
    print("single records, \(closeToDurable.count) of each, alternating; bare: write, fsync, rename, fsync")
    let isWell = Figures.compare(
      "  close to durable, median", ours: Figures.median(closeToDurable), theirs: Figures.median(bare),
      aim: Self.aim)
    _ = Figures.compare(
      "  the same against a bare loop in C that waits with inotify, and is waited for as lockferry is",
      ours: Figures.median(closeToDurable), theirs: Figures.median(bareMirror), aim: nil)
    _ = Figures.compare(
      "  close to durable, 99 %", ours: Figures.quantile(0.99, of: closeToDurable),
      theirs: Figures.quantile(0.99, of: bare), aim: nil)
    print("  close to visible, median: \(Figures.milliseconds(Figures.median(closeToVisible)))")
    return isWell
  }
}

/// The files that are renamed into a folder, by inotify(7).
final class Arrivals {
  private let inotify: Int32
  private let folder: String

  init(in folder: String) throws {
    self.folder = folder
    inotify = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    guard inotify >= 0, inotify_add_watch(inotify, folder, UInt32(IN_MOVED_TO)) >= 0 else {
      throw Failure(system: "watch \(folder)")
    }
  }

  deinit {
    close(inotify)
  }

  func wait(for name: String, within limit: Duration) throws {
    let deadline = ContinuousClock.now + limit
    var events = [UInt8](repeating: 0, count: 65_536)
    while ContinuousClock.now < deadline {
      var polled = pollfd(fd: inotify, events: Int16(POLLIN), revents: 0)
      _ = poll(&polled, 1, 1000)
      let count = read(inotify, &events, events.count)
      guard count > 0 else { continue }
      if String(decoding: events[..<count], as: UTF8.self).contains(name) { return }
    }
    throw Failure("\(name) did not appear in \(folder) within \(limit)")
  }
}
