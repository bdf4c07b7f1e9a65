import Glibc

/// Something that kept a measurement from being one.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }

  /// The last system call's failure.
  init(system action: String) {
    description = "\(action): \(String(cString: strerror(errno)))"
  }
}

/// Files on the disk that is measured.
enum Disk {
  /// Writes a record as rpc.statd writes a client's first one (nfs-utils, support/nsm/file.c,
  /// `nsm_insert_monitored_host`): created in place with O_SYNC. Returns the moment before the close.
  static func writeAsStatd(_ record: [UInt8], to path: String) throws -> ContinuousClock.Instant {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_SYNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(system: path) }
    guard Glibc.write(file, record, record.count) == record.count else { throw Failure(system: path) }
    let closing = ContinuousClock.now
    guard close(file) == 0 else { throw Failure(system: path) }
    return closing
  }

  /// What any durable write costs: write, fsync, rename, fsync of the folder.
  static func writeBare(_ record: [UInt8], as name: String, in folder: String) throws {
    let draft = "\(folder)/.\(name).new"
    let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(system: draft) }
    guard Glibc.write(file, record, record.count) == record.count, fsync(file) == 0, close(file) == 0 else {
      throw Failure(system: draft)
    }
    guard rename(draft, "\(folder)/\(name)") == 0 else { throw Failure(system: "rename \(draft)") }
    try syncFolder(folder)
  }

  /// Returns when the folder's entries are durable.
  static func syncFolder(_ path: String) throws {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Failure(system: path) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw Failure(system: "fsync \(path)") }
  }

  /// A file nobody waits for.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(system: path) }
    defer { close(file) }
    guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw Failure(system: path) }
  }

  static func contents(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Failure(system: path) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(file, &piece, piece.count)
      guard count >= 0 else { throw Failure(system: path) }
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  static func makeFolder(_ path: String, mode: mode_t = 0o700) throws {
    guard mkdir(path, mode) == 0 else { throw Failure(system: path) }
  }
}

/// Programs that run and end.
enum Program {
  static func run(_ arguments: [String]) throws {
    let process = try start(arguments, output: nil)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(system: "wait for \(arguments[0])") }
    }
    guard status == 0 else { throw Failure("\(arguments.joined(separator: " ")) ended with \(status)") }
  }

  /// Starts a program that is found by `PATH`, its output and errors in the file `output`.
  static func start(_ arguments: [String], output: String?) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let output {
      posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
      posix_spawn_file_actions_adddup2(&actions, 1, 2)
    }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    let failure = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
    guard failure == 0 else {
      throw Failure("can't start \(arguments[0]): \(String(cString: strerror(failure)))")
    }
    return process
  }
}
