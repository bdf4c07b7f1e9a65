import Glibc

/// Takes POSIX record locks as any program would, in the guests of the lab, and writes down what the kernel answers.
///
///     lab-locks hold LOG LOCK...     takes all, keeps them, and goes on writing to the first file
///     lab-locks keep LOG LOCK...     takes all and keeps them
///     lab-locks ask LOG LOCK         asks for one again and again, and gives it back at once when it gets it
///
/// A LOCK is `NAME:FILE:r|w:START:LENGTH`; a length of 0 reaches to the end of the file, however far that is. Every line
/// of LOG is `MILLISECONDS NAME WORD...`, the milliseconds of the guest's wall clock.
@main
struct LabLocks {
  static func main() {
    signal(SIGPIPE, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count >= 3, let log = Log(path: arguments[1]) else {
      refuse("usage: lab-locks hold|keep|ask LOG LOCK...")
    }
    let locks = arguments.dropFirst(2).map { text in
      guard let lock = RecordLock(text) else { refuse("\(text) is no NAME:FILE:r|w:START:LENGTH") }
      return lock
    }
    switch arguments[0] {
    case "hold": hold(locks, log)
    case "keep":
      _ = takeAll(locks, log)
      while true { pause() }
    case "ask": ask(locks[0], log)
    default: refuse("hold, keep or ask, not \(arguments[0])")
    }
  }

  /// Takes all of them, whenever they can be had, and returns the descriptor of the first one's file.
  private static func takeAll(_ locks: [RecordLock], _ log: Log) -> Int32 {
    // One descriptor for each file, never closed: closing any gives up all locks of the file (fcntl(2)).
    var descriptors: [String: Int32] = [:]
    for lock in locks {
      let descriptor = descriptors[lock.file] ?? openFile(lock.file, log)
      descriptors[lock.file] = descriptor
      while true {
        let failure = lock.take(descriptor)
        log.write(lock.name, failure == 0 ? "held" : word(failure))
        if failure == 0 { break }
        usleep(200_000)
      }
    }
    guard let first = locks.first, let descriptor = descriptors[first.file] else { refuse("no lock to hold") }
    log.write("all", "held")
    return descriptor
  }

  private static func hold(_ locks: [RecordLock], _ log: Log) -> Never {
    let descriptor = takeAll(locks, log)
    var number = 0
    while true {
      number += 1
      let text = Array("\(number)\n".utf8)
      let written = pwrite(descriptor, text, text.count, 0)
      let failure = written == text.count && fsync(descriptor) == 0 ? 0 : errno
      log.write("data", failure == 0 ? "wrote \(number)" : word(failure))
      usleep(250_000)
    }
  }

  private static func ask(_ lock: RecordLock, _ log: Log) -> Never {
    let descriptor = openFile(lock.file, log)
    while true {
      let failure = lock.take(descriptor)
      log.write(lock.name, failure == 0 ? "granted" : word(failure))
      if failure == 0 { lock.giveBack(descriptor) }
      usleep(500_000)
    }
  }

  private static func openFile(_ path: String, _ log: Log) -> Int32 {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return descriptor }
      log.write(path, "can't open: \(word(errno))")
      usleep(500_000)
    }
  }

  private static func word(_ failure: Int32) -> String {
    switch failure {
    case EAGAIN, EACCES: "refused"
    default: "error \(failure) \(String(cString: strerror(failure)))"
    }
  }

  private static func refuse(_ why: String) -> Never {
    let line = Array("lab-locks: \(why)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(64)
  }
}

/// One lock of a file's bytes, exclusive or shared.
struct RecordLock {
  var name: String
  var file: String
  var isExclusive: Bool
  var start: Int
  var length: Int

  /// From `NAME:FILE:r|w:START:LENGTH`.
  init?(_ text: String) {
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 5, parts[2] == "r" || parts[2] == "w", let start = Int(parts[3]),
      let length = Int(parts[4])
    else { return nil }
    (name, file, isExclusive) = (parts[0], parts[1], parts[2] == "w")
    (self.start, self.length) = (start, length)
  }

  /// Asks once, without waiting; 0 or an errno.
  func take(_ descriptor: Int32) -> Int32 { set(descriptor, Int32(isExclusive ? F_WRLCK : F_RDLCK)) }

  /// Gives it back.
  func giveBack(_ descriptor: Int32) { _ = set(descriptor, Int32(F_UNLCK)) }

  private func set(_ descriptor: Int32, _ type: Int32) -> Int32 {
    var record = flock()
    record.l_type = Int16(type)
    record.l_whence = Int16(SEEK_SET)
    record.l_start = start
    record.l_len = length
    return withUnsafeMutablePointer(to: &record) { pointer in
      while fcntl(descriptor, F_SETLK, UnsafeMutableRawPointer(pointer)) != 0 {
        if errno != EINTR { return errno }
      }
      return 0
    }
  }
}

/// Where the answers go, one whole line at a time.
struct Log {
  private let descriptor: Int32

  /// Nil where the file can't be opened.
  init?(path: String) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return nil }
  }

  func write(_ name: String, _ words: String) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let line = Array("\(time.tv_sec * 1000 + time.tv_nsec / 1_000_000) \(name) \(words)\n".utf8)
    _ = Glibc.write(descriptor, line, line.count)
  }
}
