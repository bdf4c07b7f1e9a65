internal import Cluster

/// Reading of `health:`.
enum NodeFileHealth {
  private static let programs:
    [(name: String, number: UInt32, version: UInt32, transport: HealthProbe.Transport)] = [
      ("nfs", 100_003, 3, .tcp), ("nlockmgr", 100_021, 4, .udp), ("status", 100_024, 1, .udp),
      ("mountd", 100_005, 3, .udp),
    ]

  /// What is asked where the operator says nothing: whether the NFS server of this machine answers.
  static let defaultProbe = HealthProbe(
    subject: .program(name: "nfs", number: 100_003, version: 3, transport: .tcp, host: "127.0.0.1"),
    timeout: .seconds(1))

  /// `health:`, which may be missing. `probes` is nil where the operator says nothing of them.
  static func read(_ value: NodeFileValue?) -> (health: HealthConfiguration, saysProbes: Bool)? {
    var health = HealthConfiguration(
      listenHost: "127.0.0.1", listenPort: 9943, interval: .seconds(1), failures: 3, probes: [defaultProbe])
    guard let value else { return (health, false) }
    guard
      let section = value.section(known: ["listen", "interval", "failures", "probes", "report_token_file"])
    else { return nil }
    if let listen = section.optional("listen")?.hostAndPort() {
      (health.listenHost, health.listenPort) = listen
    }
    if let interval = section.optional("interval")?.duration(.milliseconds(100)...(.seconds(3600))) {
      health.interval = interval
    }
    if let failures = section.optional("failures")?.integer(1...100) { health.failures = failures }
    health.reportTokenFile = section.optional("report_token_file")?.absolutePath("a file with a token")
    guard let probes = section.optional("probes") else { return (health, false) }
    health.probes = probes.list(of: "probes")?.compactMap(probe) ?? []
    return (health, true)
  }

  static func probe(_ value: NodeFileValue) -> HealthProbe? {
    let known = ["program", "version", "transport", "host", "command", "timeout"]
    guard let section = value.section(known: known) else { return nil }
    let limit =
      section.optional("timeout").map { $0.duration(.milliseconds(10)...(.seconds(60))) } ?? .seconds(1)
    let subject: HealthProbe.Subject?
    switch (section.optional("program"), section.optional("command")) {
    case (let name?, nil):
      subject = program(name, section)
    case (nil, let command?):
      for key in ["version", "transport", "host"] where section.has(key) {
        section.optional(key)?.report("belongs to `program`, not to `command`")
      }
      subject = NodeFileCommands.arguments(command).map(HealthProbe.Subject.command)
    case (_?, let command?):
      command.report("a probe has either `program` or `command`")
      subject = nil
    case (nil, nil):
      value.report("a probe needs `program` (nfs, nlockmgr, status, mountd or a number) or `command`")
      subject = nil
    }
    guard let subject, let limit else { return nil }
    return HealthProbe(subject: subject, timeout: limit)
  }

  /// What a witness is asked for: `{program: nfs}` as in a probe, at an address that is known otherwise.
  static func witness(_ value: NodeFileValue) -> HealthProbe.Program? {
    guard let section = value.section(known: ["program", "version", "transport"]),
      let name = section.required("program", "nfs, nlockmgr, status, mountd or a number"),
      case .program(let text, let number, let version, let transport, _)? = program(name, section)
    else { return nil }
    return HealthProbe.Program(name: text, number: number, version: version, transport: transport)
  }

  private static func program(_ value: NodeFileValue, _ section: NodeFileSection) -> HealthProbe.Subject? {
    let transport = section.optional("transport").map { value in
      value.word(["tcp", "udp"], "tcp or udp").flatMap(HealthProbe.Transport.init)
    }
    let host = section.optional("host").map { $0.hostName() } ?? "127.0.0.1"
    let version = section.optional("version").map { $0.integer(1...65_535).map(UInt32.init) }
    guard let text = value.text("an RPC program") else { return nil }
    let isNumber = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let known = programs.first { $0.name == text || (isNumber && UInt32(text) == $0.number) }
    guard let number = known?.number ?? (isNumber ? UInt32(text) : nil), number > 0 else {
      let names = programs.map(\.name)
      let hint = NearestWord.to(text, among: names).map { "did you mean `\($0)`?" }
      report(value, text, isNumber: isNumber, hint: hint, names: names)
      return nil
    }
    guard let chosen = version ?? known.map({ .some($0.version) }) else {
      section.context.report(
        section.position,
        "\(section.described): `version` is missing: only nfs, nlockmgr, status and mountd have a default")
      return nil
    }
    guard let chosen, let host, let transport = transport ?? .some(known?.transport ?? .udp) else {
      return nil
    }
    return .program(
      name: known?.name ?? text, number: number, version: chosen, transport: transport, host: host)
  }

  private static func report(
    _ value: NodeFileValue, _ text: String, isNumber: Bool, hint: String?, names: [String]
  ) {
    let rule = "an RPC program is one of \(names.joined(separator: ", ")) or a number from 1 to 4294967295"
    value.report(isNumber ? "\(text) is out of range: \(rule)" : "`\(text)` is not known: \(hint ?? rule)")
  }
}
