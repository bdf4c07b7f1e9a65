import Foundation
import Glibc
import HostTestKit

/// A virtual machine of the lab. Its disk lasts; everything else is gone with its power.
actor Guest {
  /// What it is, and which script of `lab/guest` starts it.
  enum Role: String, Sendable { case store, server, client }

  nonisolated let name: String
  nonisolated let role: Role
  /// Its own address.
  nonisolated let address: String
  private nonisolated let number: Int
  private let rack: Rack
  private var machine: HostProgram?
  private var serial: Int32 = -1
  private var monitor: Int32 = -1
  private var commands = 0
  private var boots = 0

  init(name: String, role: Role, number: Int, rack: Rack) {
    (self.name, self.role, self.number, self.rack) = (name, role, number, rack)
    address = "10.88.0.\(number)"
  }

  /// What its record is called: rpc.statd takes the name that /etc/hosts has for an address, or the address itself, which
  /// boot.sh sets.
  nonisolated func recordName(for service: Service) -> String {
    service.isIPv6 ? "fd00:88::\(number)" : "\(name).lab.test"
  }

  /// Its network card's address.
  nonisolated var linkAddress: String {
    let digits = String(number, radix: 16)
    return "52:54:00:88:00:" + (digits.count < 2 ? "0" : "") + digits
  }

  /// Its folder in the share that it and the lab write to.
  nonisolated var folder: String { rack.share + "/" + name }

  /// Switches it on and waits until its role's script has ended well.
  ///
  /// Emulation now and then breaks a kernel in its first seconds, before anything of the lab runs: then it is switched on
  /// again, twice at most.
  func powerOn() async throws {
    guard machine == nil else { return }
    for triesLeft in [2, 1, 0] {
      try await boot()
      let started = try await value(within: .seconds(300), "\(name) starts") { () -> String? in
        if machine?.end != nil { return "" }
        return try? String(contentsOfFile: folder + "/started", encoding: .utf8)
      }
      if started.trimmingCharacters(in: .whitespacesAndNewlines) == "0" { return }
      guard let end = machine?.end else {
        throw HostTestError("\(name) did not start:\n\(text("role.log"))\n\(console)")
      }
      guard hasPanickedByItself, triesLeft > 0 else {
        throw HostTestError("\(name): QEMU ended with \(end)\n\(console)")
      }
      say("  the kernel of \(name) panicked before it ran a program; it is switched on again")
      try await powerCut()
    }
  }

  /// Its kernel has panicked before it ran `init`.
  private var hasPanickedByItself: Bool {
    consoleLog.contains("Kernel panic") && !consoleLog.contains("lab: init runs")
  }

  private func boot() async throws {
    boots += 1
    for file in ["agent.in", "agent.out", "monitor.in", "monitor.out"] {
      unlink("\(rack.folder)/\(name)-\(file)")
      guard mkfifo("\(rack.folder)/\(name)-\(file)", 0o600) == 0 else {
        throw HostTestError("can't make a fifo")
      }
    }
    unlink(folder + "/started")
    serial = open("\(rack.folder)/\(name)-agent.in", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    monitor = open("\(rack.folder)/\(name)-monitor.in", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    machine = try await rack.host.start(arguments, as: "qemu-\(name)")
  }

  private var arguments: [String] {
    // no_timer_check: on a busy machine timer interrupts come so late that Linux takes the timer for broken and panics.
    // nokaslr, init_on_alloc=0 and audit=0 save a tenth of an emulated boot.
    var arguments = [
      "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-m",
      role == .server ? "1024" : "512",
      "-smp", "1", "-display", "none", "-no-reboot", "-nodefaults",
      "-serial", "file:\(rack.folder)/\(name)-console-\(boots).log",
      "-chardev", "pipe,id=agent,path=\(rack.folder)/\(name)-agent", "-serial", "chardev:agent",
      "-chardev", "pipe,id=monitor,path=\(rack.folder)/\(name)-monitor", "-mon", "chardev=monitor",
      "-kernel", rack.kernel.image, "-initrd", rack.initramfs,
      "-append",
      "console=ttyS0 panic=-1 quiet mitigations=off no_timer_check nokaslr init_on_alloc=0 audit=0 "
        + "lab.boot=/host\(rack.scripts)/boot.sh lab.name=\(name) lab.role=\(role.rawValue) lab.address=\(address)",
      "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
      "-virtfs", "local,path=\(rack.share),mount_tag=lab,security_model=none,multidevs=remap",
      "-netdev", "tap,id=net,ifname=\(Rack.tap(number)),script=no,downscript=no",
      "-device", "virtio-net-pci,netdev=net,mac=\(linkAddress)", "-device", "virtio-rng-pci",
    ]
    // A power cut ends QEMU, not the lab machine: what QEMU wrote stays in that machine's memory, so there is nothing
    // to sync. What the guest had not yet written is lost, as it should be.
    arguments += ["-drive", Self.drive("\(rack.folder)/\(name).disk")]
    if role == .server {
      for service in rack.services { arguments += ["-drive", Self.drive(rack.disk(of: service))] }
    }
    return arguments
  }

  private static func drive(_ path: String) -> String {
    "driver=raw,file.driver=file,file.filename=\(path),file.locking=off,if=virtio,cache=unsafe"
  }

  /// Its power is on.
  var isOn: Bool { machine?.isRunning ?? false }

  /// The power is cut: SIGKILL to QEMU. Returns when QEMU is gone.
  func powerCut() async throws {
    try await machine?.kill()
    machine = nil
    for descriptor in [serial, monitor] where descriptor != -1 { close(descriptor) }
    (serial, monitor) = (-1, -1)
  }

  /// How a machine stands still.
  enum Pause: Sendable {
    /// SIGSTOP to QEMU: its clocks have gone on when it does, so that it can see how long that was.
    case hang
    /// QEMU's `stop`, as any hypervisor does: its clocks stand still, too, and nothing inside shows it.
    case stop
  }

  /// The machine hangs, as far as anybody else can see, until ``resume(after:)``.
  func pause(by pause: Pause = .hang) throws {
    switch pause {
    case .hang: machine?.pause()
    case .stop: try tellQEMU("stop")
    }
  }

  /// It goes on.
  func resume(after pause: Pause = .hang) throws {
    switch pause {
    case .hang: machine?.resume()
    case .stop: try tellQEMU("cont")
    }
  }

  private func tellQEMU(_ command: String) throws {
    let line = Array("\(command)\n".utf8)
    guard write(monitor, line, line.count) == line.count else {
      throw HostTestError("\(name): QEMU takes no \(command)")
    }
  }

  /// Pulls or plugs its network cable.
  func setCable(up: Bool) async throws {
    try await rack.host.run(["ip", "link", "set", Rack.tap(number), up ? "up" : "down"]).orThrow()
  }

  /// Runs a shell script inside and returns its exit status and what it printed.
  func outcome(_ script: String, within limit: Duration = .seconds(120)) async throws -> (
    status: Int, output: String
  ) {
    guard serial != -1 else { throw HostTestError("\(name) is off: can't run \(script)") }
    commands += 1
    let number = commands
    let head = ". /lab/settings; name=\(name); . \"$lab_scripts/common.sh\"; cd /\n"
    try (head + script + "\n").write(toFile: "\(folder)/command-\(number)", atomically: true, encoding: .utf8)
    let line = Array("\(number)\n".utf8)
    guard write(serial, line, line.count) == line.count else {
      throw HostTestError("\(name) takes no commands")
    }
    let status = try await value(within: limit, "\(name): \(script)") { () -> Int? in
      (try? String(contentsOfFile: "\(folder)/status-\(number)", encoding: .utf8)).flatMap {
        Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
      }
    }
    return (status, text("output-\(number)"))
  }

  /// Runs a shell script inside, which must end with status 0, and returns what it printed.
  @discardableResult
  func run(_ script: String, within limit: Duration = .seconds(120)) async throws -> String {
    let (status, output) = try await outcome(script, within: limit)
    guard status == 0 else { throw HostTestError("\(name): \(script): status \(status): \(output)") }
    return output
  }

  /// A file of its folder; empty where there is none.
  nonisolated func text(_ file: String) -> String {
    (try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)) ?? ""
  }

  private var console: String { "console of \(name): " + consoleLog.suffix(3000) }

  private var consoleLog: String {
    let bytes = FileManager.default.contents(atPath: "\(rack.folder)/\(name)-console-\(boots).log")
    return String(decoding: bytes ?? Data(), as: UTF8.self)
  }
}
