import Glibc

/// One node with its folders on the measured disk, and `lockferry run` on it.
struct Node {
  let program: String
  /// Everything of this node but its control socket.
  let folder: String

  var statusDirectory: String { folder + "/statd" }
  var records: String { statusDirectory + "/sm" }
  var store: String { folder + "/store" }
  /// Where the service's records lie in the store.
  var storedRecords: String { store + "/services/home/sm" }
  private var nodeFile: String { folder + "/node.yaml" }
  private static let runDirectory = "/run/lockferry"

  /// Makes the folders and the node file; the store is made by the daemon when it first starts.
  init(program: String, folder: String, probesStatd: Bool) throws {
    self.program = program
    self.folder = folder
    try Disk.makeFolder(folder)
    try Disk.makeFolder(statusDirectory)
    try Disk.makeFolder(records)
    try Disk.makeFolder(statusDirectory + "/sm.bak")
    try Disk.write([3, 0, 0, 0], to: statusDirectory + "/state")
    let probes = probesStatd ? "[{program: status, transport: udp, host: 127.0.0.1}]" : "[]"
    let text = """
      node: a
      store: directory:\(store)
      status_directory: \(statusDirectory)
      run_directory: \(Self.runDirectory)
      state_directory: \(folder)/state
      health: {listen: 127.0.0.1:0, probes: \(probes)}
      services:
        - name: home
          home: a
          candidates: [a]
          names: [nfs.example.com]
          fence: none

      """
    try Disk.write(Array(text.utf8), to: nodeFile)
  }

  /// Forgets the store and everything about it.
  func reset() throws {
    try Program.run(["rm", "-rf", store, folder + "/state"])
  }

  func start() throws -> Daemon {
    try Daemon(
      process: Program.start([program, "run", "--config", nodeFile], output: folder + "/log"),
      socket: Self.runDirectory + "/control.sock", log: folder + "/log")
  }
}

/// A running `lockferry run`.
struct Daemon {
  let process: pid_t
  let socket: String
  let log: String

  /// Waits until every one of `count` records is durable in the store, by the daemon's own word.
  func waitUntilMirrored(_ count: Int, looking pause: Duration, within limit: Duration) throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if waitpid(process, nil, WNOHANG) == process { throw Failure("lockferry ended; see \(log)") }
      if number("recordsMirrored") == count, number("lagMilliseconds") == 0 { return }
      usleep(UInt32(pause / .microseconds(1)))
    }
    throw Failure(
      "only \(number("recordsMirrored") ?? 0) of \(count) records mirrored in \(limit); see \(log)")
  }

  /// Ends it as an operator does.
  func stop() throws {
    kill(process, SIGTERM)
    guard waitpid(process, nil, 0) == process else { throw Failure(system: "wait for lockferry") }
  }

  /// The first number with this name in the status document.
  private func number(_ name: String) -> Int? {
    guard let status = status(), let place = status.firstRange(of: "\"\(name)\"") else { return nil }
    let digits = status[place.upperBound...].drop { $0 == ":" || $0 == " " }.prefix { $0.isNumber }
    return Int(digits)
  }

  /// `GET /v1/status` over the control socket; nil where nothing answers yet.
  private func status() -> String? {
    let connection = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard connection >= 0 else { return nil }
    defer { close(connection) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8) }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(connection, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    let question = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    guard connected == 0, send(connection, question, question.utf8.count, Int32(MSG_NOSIGNAL)) > 0
    else { return nil }
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = recv(connection, &piece, piece.count, 0)
      guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
      answer += piece[..<count]
    }
  }
}
