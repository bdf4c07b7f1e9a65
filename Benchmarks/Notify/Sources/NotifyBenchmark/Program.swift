import Glibc

/// A program that was started, and what it cost.
struct Program {
  let process: pid_t
  let name: String
  /// On the boot clock, in nanoseconds.
  let startedAt: Int64

  /// Starts a program, its output and errors in files or nowhere.
  init(_ arguments: [String], output: String = "/dev/null", errors: String = "/dev/null") throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, path) in [(Int32(1), output), (2, errors)] {
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    let startedAt = bootNanoseconds()
    let failure = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
    guard failure == 0 else {
      throw Failure("can't start \(arguments[0]): \(String(cString: strerror(failure)))")
    }
    (self.process, name, self.startedAt) = (process, arguments[0], startedAt)
  }

  /// Waits until it has ended; nil where it hasn't within the limit.
  func wait(within limit: Duration) throws -> Ended? {
    let deadline = ContinuousClock.now + limit
    var (status, usage) = (Int32(0), rusage())
    while true {
      let ended = wait4(process, &status, WNOHANG, &usage)
      if ended == process { return Ended(status: status, maximumKiB: Int(usage.ru_maxrss)) }
      guard ended == 0 || errno == EINTR else { throw Failure("\(name) can't be waited for") }
      guard ContinuousClock.now < deadline else { return nil }
      usleep(1_000)
    }
  }

  /// Ends it, and waits for that.
  func end() throws -> Ended {
    kill(process, SIGTERM)
    if let ended = try wait(within: .seconds(30)) { return ended }
    kill(process, SIGKILL)
    guard let ended = try wait(within: .seconds(30)) else { throw Failure("\(name) doesn't end") }
    return ended
  }

  struct Ended {
    /// As wait(2) has it; 0 is success.
    let status: Int32
    /// The most memory that was resident.
    let maximumKiB: Int
  }
}

/// CLOCK_BOOTTIME
func bootNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_BOOTTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Files.
enum Disk {
  static func write(_ text: String, to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    guard Glibc.write(file, text, text.utf8.count) == text.utf8.count else {
      throw Failure("\(path): \(String(cString: strerror(errno)))")
    }
  }

  static func makeFolder(_ path: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw Failure("\(path): \(String(cString: strerror(errno)))")
    }
  }

  static func contents(_ path: String) throws -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(file, &piece, piece.count)
      guard count >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += piece[..<count]
    }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
