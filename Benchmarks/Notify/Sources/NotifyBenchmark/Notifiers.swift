import Glibc

/// Who tells the clients.
enum Notifier: String {
  case lockferry
  case smNotify = "sm-notify"
  case bare

  static let server = "nfs.bench.test"
  static let serverAddress = "10.99.0.1"

  /// Each tells by its own names; the bare sender as lockferry.
  var names: [String] {
    self == .smNotify ? [Self.server, "nfs"] : [Self.server, "nfs", Self.serverAddress]
  }

  /// One run with a crowd of its own.
  func run(_ options: Options, clients: Int) throws -> Run {
    let statusDirectory = options.folder + "/statd"
    if self != .bare { try fill(statusDirectory, clients: clients) }
    let crowd = try Crowd(
      options, clients: clients, names: names, bound: self == .smNotify ? options.bound : nil)
    let program: Program
    let ended: Program.Ended
    switch self {
    case .smNotify:
      program = try Program(["sm-notify", "-d", "-m", "60", "-P", statusDirectory, "-v", Self.server])
      _ = try crowd.program.wait(within: .seconds(options.bound + 30))
      ended = try program.end()
    case .lockferry:
      program = try Program(
        [
          options.lockferry, "notify", "--state-dir", statusDirectory, "--from", Self.serverAddress, "--name",
          Self.server, "--for", "60s",
        ], errors: options.folder + "/lockferry.errors")
      ended = try Self.finish(program)
      _ = try crowd.program.end()
      if ended.status != 0 {
        print(
          "lockferry ended with \(ended.status): \(try Disk.contents(options.folder + "/lockferry.errors"))")
      }
    case .bare:
      program = try Program(
        [options.bare, Self.serverAddress, Crowd.firstAddress, "\(clients)", "1024", "5"] + names,
        errors: options.folder + "/bare.errors")
      ended = try Self.finish(program)
      _ = try crowd.program.end()
      guard ended.status == 0 else { throw Failure(try Disk.contents(options.folder + "/bare.errors")) }
    }
    try remove(statusDirectory)
    let heard = try crowd.heard()
    return Run(
      told: heard.told, all: clients, seconds: heard.last,
      fromStart: heard.last.map { $0 + Double(heard.firstPacketAt - program.startedAt) / 1e9 },
      maximumKiB: ended.maximumKiB, packets: heard.received, dropped: heard.dropped)
  }

  private static func finish(_ program: Program) throws -> Program.Ended {
    if let ended = try program.wait(within: .seconds(120)) { return ended }
    _ = try program.end()
    throw Failure("\(program.name) didn't end within two minutes")
  }

  /// A status directory as it lies after a crash, a record for each client.
  private func fill(_ folder: String, clients: Int) throws {
    for path in [folder, folder + "/sm", folder + "/sm.bak"] { try Disk.makeFolder(path) }
    for client in 0..<clients {
      let address = Crowd.address(client)
      try Disk.write(
        "0100007f 000186b5 00000003 00000010 000102030405060708090a0b0c0d0e0f \(address) \(Self.server)\n",
        to: "\(folder)/sm/\(address)")
    }
  }

  private func remove(_ folder: String) throws {
    let program = try Program(["rm", "-rf", folder])
    _ = try program.wait(within: .seconds(60))
  }
}

/// What one run came to.
struct Run {
  let told: Int
  let all: Int
  /// From the crowd's first packet until the last client was told.
  let seconds: Double?
  /// The same from the start of the program.
  let fromStart: Double?
  let maximumKiB: Int
  let packets: Int
  let dropped: Int

  var isComplete: Bool { told == all }
}
