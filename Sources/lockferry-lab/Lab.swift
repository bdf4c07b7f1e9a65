import ArgumentParser
import Foundation
import HostTestKit

extension Setting.Recovery: ExpressibleByArgument {}

/// `make lab`
@main
struct Lab: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockferry-lab",
    abstract: "Shows on real kernels, with real nfsd, lockd and NFSv3 clients, which locks survive.",
    discussion: """
      Boots five virtual machines for each scenario, without KVM, in a network of their own, as root. Exit status 0 means \
      that every verdict is as it must be.
      """)

  @Option(name: .long, help: "A scenario; may be repeated. All without it.")
  var scenario: [String] = []

  @Option(name: .long, help: "A kernel: 6.1 or 6.12; may be repeated. Both without it.")
  var kernel: [String] = []

  @Option(
    name: .long,
    help: """
      How an adoption recovers: restart (a command restarts the adoptive server's NFS server), restart-nfs or \
      restart-lockd (lockferry itself restarts it, or the lock manager alone), or isolated (the service in a network \
      namespace of its own); may be repeated. restart without it.
      """)
  var recovery: [Setting.Recovery] = []

  @Option(name: .long, help: "The file of any other Debian kernel package for amd64, instead.")
  var kernelDeb: String?

  @Option(
    name: .long, help: "The folder of the programs lockferry and lab-locks. Default: where this program is.")
  var programs: String?

  @Flag(
    help: "Leaves disks, logs and consoles in a folder, and names it. A scenario that fails does so always.")
  var keep = false

  @Flag(help: "Plays also what nfs-utils alone, used with care, makes of some of them.")
  var compare = false

  @Flag(help: "Plays only that.")
  var compareOnly = false

  @Flag(help: "Where there can be no lab, or its parts can't be fetched, says so and ends with status 0.")
  var wherePossible = false

  @Flag(help: "Lists the scenarios.")
  var list = false

  /// The longest that one scenario may take.
  static let limit = Duration.seconds(900)

  /// The longest that all of them may take; about twice what a busy machine with two processors needs.
  static let limitOfAll = Duration.seconds(5 * 3600)

  private struct Interrupted: Error {
    var signal: Int32
  }

  func run() async throws {
    if list {
      for scenario in Scenario.all { say("\(scenario.name)  \(scenario.what)") }
      return
    }
    signal(SIGPIPE, SIG_IGN)
    if let obstacle = LabTools.unavailableBecause {
      return try skip(obstacle)
    }
    let played = Played()
    do {
      try await untilSignalled { try await play(into: played) }
    } catch {
      if await !played.rows.isEmpty { say("\nPlayed before that:\n" + Row.table(await played.rows)) }
      switch error {
      case let obstacle as Obstacle: return try skip(obstacle.description)
      case let interrupted as Interrupted:
        say("\nInterrupted. Everything that was started has been ended.")
        throw ExitCode(128 + interrupted.signal)
      default: throw error
      }
    }
    say("\n" + Row.table(await played.rows))
    guard await played.rows.allSatisfy(\.isAsExpected) else { throw ExitCode.failure }
  }

  func validate() throws {
    for name in scenario where !Scenario.all.contains(where: { $0.name == name }) {
      throw ValidationError("no scenario \(name); --list shows them")
    }
    for label in kernel where KernelPackage.suites[label] == nil {
      let known = KernelPackage.suites.keys.sorted().joined(separator: " or ")
      throw ValidationError("no kernel \(label): say \(known), or name a package's file with --kernel-deb")
    }
    if let kernelDeb {
      guard kernel.isEmpty else { throw ValidationError("either --kernel or --kernel-deb") }
      guard FileManager.default.isReadableFile(atPath: kernelDeb) else {
        throw ValidationError("no file \(kernelDeb)")
      }
    }
    for recovery in recovery where !chosen.contains(where: { $0.recoveries.contains(recovery) }) {
      throw ValidationError(
        "nothing to play with \(recovery.rawValue) in \(scenario.joined(separator: ", "))")
    }
    if compareOnly, !chosen.contains(where: \.isCompared) {
      throw ValidationError("nothing to compare in \(scenario.joined(separator: ", "))")
    }
  }

  /// What is to be played.
  private var chosen: [Scenario] {
    scenario.isEmpty ? Scenario.all : scenario.flatMap { name in Scenario.all.filter { $0.name == name } }
  }

  /// Something that the lab needs can't be had.
  private struct Obstacle: Error, CustomStringConvertible {
    var description: String
  }

  private func skip(_ obstacle: String) throws {
    say("THE KERNEL LAB DID NOT RUN; nothing is shown about locks. \(obstacle)")
    if !wherePossible { throw ExitCode(69) }
  }

  /// What has been played so far, also when somebody interrupts the rest.
  private actor Played {
    private(set) var rows: [Row] = []

    func append(_ row: Row) { rows.append(row) }
  }

  /// Each scenario on every kernel: side by side in the table.
  private func play(into played: Played) async throws {
    let repository = FileManager.default.currentDirectoryPath
    let scripts = repository + "/lab/guest"
    guard FileManager.default.fileExists(atPath: scripts + "/init") else {
      throw HostTestError("no lab/guest here: run it in the repository")
    }
    let cache = repository + "/.build/lab"
    try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
    let lock = try lock(cache)
    defer { close(lock) }
    let programs =
      try self.programs
      ?? URL(fileURLWithPath: HostTestKit.builtProgram("lockferry")).deletingLastPathComponent().path
    let (place, kernels) = try await fetch(
      scripts: scripts, programs: URL(fileURLWithPath: programs).standardizedFileURL.path, cache: cache)
    let deadline = ContinuousClock.now + Self.limitOfAll
    for scenario in chosen {
      if let obstacle = scenario.obstacle {
        guard chosen.count > 1 else { throw Obstacle(description: obstacle + ".") }
        await played.append(Row(scenario: scenario.name, kernel: "-", obstacle: obstacle))
        continue
      }
      let recoveries = (recovery.isEmpty ? [scenario.setting.recovery] : recovery).filter(
        scenario.recoveries.contains)
      for recovery in compareOnly ? [] : recoveries {
        for kernel in kernels {
          let version = scenario.recovering(by: recovery, on: kernel)
          await played.append(try await play(version, on: kernel, place, byHand: false, until: deadline))
        }
      }
      guard compare || compareOnly, scenario.isCompared else { continue }
      for kernel in kernels {
        await played.append(try await play(scenario, on: kernel, place, byHand: true, until: deadline))
      }
    }
  }

  /// Two labs would overwrite each other's packages and disks.
  private func lock(_ cache: String) throws -> Int32 {
    let file = open(cache + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw HostTestError("\(cache)/lock: \(String(cString: strerror(errno)))") }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      close(file)
      throw Obstacle(description: "Another lab is at work in \(cache).")
    }
    return file
  }

  /// Gets what the chosen scenarios need and the cache folder lacks.
  private func fetch(
    scripts: String, programs: String, cache: String
  ) async throws -> (LabPlace, [KernelPackage]) {
    do {
      let tools = try await LabTools.unpack(
        ["nfs-kernel-server", "busybox-static"], as: "guest-tools", cache: cache)
      var place = LabPlace(scripts: scripts, programs: programs, tools: tools, cache: cache)
      if chosen.contains(where: \.setting.sharesDisk) {
        place.clusterTools = try await LabTools.unpack(["ocfs2-tools"], as: "cluster-tools", cache: cache)
      }
      if chosen.contains(where: { $0.setting.recovery == .ganesha }) {
        place.ganesha = try await LabTools.unpack(
          ["nfs-ganesha", "nfs-ganesha-vfs"], as: "ganesha", cache: cache)
      }
      return (place, try await kernels(cache))
    } catch let error as HostTestError {
      throw Obstacle(description: error.description)
    }
  }

  private func kernels(_ cache: String) async throws -> [KernelPackage] {
    if let kernelDeb { return [try await KernelPackage.file(kernelDeb, cache: cache)] }
    var kernels: [KernelPackage] = []
    for label in kernel.isEmpty ? ["6.1", "6.12"] : kernel {
      kernels.append(try await KernelPackage.named(label, cache: cache))
    }
    return kernels
  }

  private func play(
    _ scenario: Scenario, on kernel: KernelPackage, _ place: LabPlace, byHand: Bool,
    until deadline: ContinuousClock.Instant
  ) async throws -> Row {
    say("\n\(scenario.name) on \(kernel.label)\(byHand ? ", with nfs-utils alone" : ""): \(scenario.what)")
    var row = Row(
      scenario: scenario.name, kernel: kernel.label, expectedToFail: scenario.expectedToFail,
      isControl: scenario.isControl, isByHand: byHand)
    let limit = min(Self.limit, deadline - .now)
    guard limit > .zero else {
      row.failure = "not begun: all scenarios together took longer than \(Self.limitOfAll)"
      return row
    }
    let folder = "\(place.cache)/run-\(scenario.name)-\(kernel.label)\(byHand ? "-by-hand" : "")"
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    do {
      row.outcome = try await withTestNetwork { network in
        let rack = try await Rack.build(
          in: network, kernel: kernel, place: place, folder: folder, setting: scenario.setting, byHand: byHand
        )
        let site = try await Site(in: rack, byHand: byHand)
        return try await withThrowingTaskGroup(of: Outcome?.self) { group in
          group.addTask { try await scenario.play(site) }
          group.addTask {
            try await site.serveFence()
            return nil
          }
          group.addTask {
            try await Task.sleep(for: limit)
            throw HostTestError("took longer than \(limit)")
          }
          defer { group.cancelAll() }
          return try await group.next() ?? nil
        }
      }
    } catch is CancellationError {
      try FileManager.default.removeItem(atPath: folder)
      throw CancellationError()
    } catch {
      row.failure = "\(error)"
    }
    if keep || !row.isAsExpected {
      if !keep { try removeImages(folder) }
      say("  logs and consoles: \(folder)")
    } else {
      try FileManager.default.removeItem(atPath: folder)
    }
    say("  " + row.verdict)
    return row
  }

  /// After a failure words are worth keeping, disks only to who asked for them.
  private func removeImages(_ folder: String) throws {
    for file in try FileManager.default.contentsOfDirectory(atPath: folder)
    where file.hasSuffix(".disk") || file == "initramfs" || file.contains("-agent.")
      || file.contains("-monitor.")
    {
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
    }
  }

  /// Runs `body`, cancelled by the signals that end programs, which first ends its machines.
  private func untilSignalled<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value)
    async throws
    -> Value
  {
    let (signals, signalled) = AsyncStream.makeStream(of: Int32.self)
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { signalled.yield(number) }
      source.activate()
      return source
    }
    defer { for source in sources { source.cancel() } }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        for await number in signals { throw Interrupted(signal: number) }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      group.addTask { try await body() }
      guard let value = try await group.next(), let value else { throw CancellationError() }
      return value
    }
  }
}

/// Prints at once, also into a pipe.
func say(_ text: String) {
  FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
