/// A unit of systemd for a program that goes into the background (systemd.scope(5)).
///
/// Whatever the daemon starts is in the control group of the unit that the daemon runs as, and by default ends with that
/// (`KillMode=`, systemd.kill(5)): a restart of the daemon would stop what it serves. A scope is a control group of its own,
/// made when the program starts and gone with its last process. That it runs is never asked of systemd: who is in the
/// service's namespaces is asked of the kernel, as on a machine without systemd.
struct ProgramScope: Equatable {
  /// The unit. Never one that was there before, so that nothing left over of an earlier time stands in the way.
  let unit: String
  /// What runs the program in it.
  let command: [String]

  /// The scope for a program, on a machine that systemd runs; nil on any other.
  ///
  /// - Parameters:
  ///   - arguments: the program's absolute path, then its arguments.
  ///   - name: what its unit begins with, letters, digits, `-`, `_` and `.` alone.
  ///   - description: for who lists units.
  ///   - namespace: where it runs; nil: where this process does.
  /// - Throws: ``NodeHostError`` (`absent`) where a program that is needed for it is not there.
  static func ofThisMachine(
    for arguments: [String], named name: String, description: String, in namespace: ServiceNamespace? = nil
  ) throws(NodeHostError) -> ProgramScope? {
    guard Systemd.runsThisMachine() else { return nil }
    let programs = try Programs.ofThisMachine()
    return ProgramScope(
      for: arguments, unit: "\(name)-\(BootClock.now.wholeNanoseconds / 1_000_000).scope",
      description: description,
      in: namespace, by: programs)
  }

  /// What makes a scope and enters namespaces.
  struct Programs {
    var setpriv: String
    var run: String
    var nsenter: String

    /// - Throws: ``NodeHostError`` (`absent`) that says which package is missing.
    static func ofThisMachine() throws(NodeHostError) -> Programs {
      Programs(
        setpriv: try HostPrograms.find("setpriv", package: "util-linux"),
        run: try HostPrograms.find("systemd-run", package: "systemd"),
        nsenter: try HostPrograms.find("nsenter", package: "util-linux"))
    }
  }

  /// Starts the program; returns when it has gone into the background.
  func start(within limit: Duration) async -> CommandOutcome {
    let outcome = await HostCommand.run(command, within: limit)
    guard outcome.status == .timedOut else { return outcome }
    return CommandOutcome(
      status: .timedOut,
      output: outcome.output + "\nits unit is \(unit): does systemd answer? systemctl status")
  }
}

extension ProgramScope {
  init(
    for arguments: [String], unit: String, description: String, in namespace: ServiceNamespace?,
    by programs: Programs
  ) {
    self.unit = unit
    // systemd is asked from out here, since the namespaces' own /run has none of its sockets. Until the program has gone into
    // the background, it dies with the thread that waits for it: one that waited for systemd would else start later on, after
    // a daemon that was killed, in namespaces that the next daemon has made.
    var command = [programs.setpriv, "--pdeathsig", "KILL", programs.run]
    // Before the daemon is after it when the machine stops: nobody starts again what systemd ends then.
    command += [
      "--scope", "--quiet", "--collect", "--unit=\(unit)", "--description=\(description)",
      "--property=Before=lockferry.service", "--",
    ]
    if let namespace {
      command += [
        programs.nsenter, "--net=\(namespace.networkNamespace)", "--mount=\(namespace.mountNamespace)", "--",
      ]
    }
    self.command = command + arguments
  }
}
