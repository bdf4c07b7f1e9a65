import Testing

@testable import Sidecar

/// A change to the small node file and what must be said of it, as `line:column: message`.
struct BadNodeFile: Sendable, CustomTestStringConvertible {
  var change: String
  var with: String
  var expected: [String]
  var testDescription: String { with }

  init(_ change: String, _ with: String, _ expected: String...) {
    self.change = change
    self.with = with
    self.expected = expected
  }

  /// A change behind the last line: line 9 is the first added, `fence` stands in line 8.
  static func adding(_ text: String, _ expected: String...) -> BadNodeFile {
    var file = BadNodeFile("fence: none", "fence: none\n" + text)
    file.expected = expected
    return file
  }
}

extension BadNodeFile {
  /// An address, and `recovery: {server: …}` in line 11, where the value begins at column 24.
  static func isolated(_ server: String, _ expected: String) -> BadNodeFile {
    BadNodeFile(
      "    fence: none",
      "    fence: none\n    address: 10.0.0.10/24\n    interface: eth0\n    recovery: {server: \(server)}",
      expected)
  }
}

@Suite("A node file that is wrong says where and why (line and column)")
struct ConfigurationProblemsTests {
  static let badFiles: [BadNodeFile] = [
    // Keys
    BadNodeFile(
      "store: d", "stoer: d", "1:1: node file: `store` is missing",
      "2:1: stoer: unknown key; did you mean `store`?"),
    BadNodeFile(
      "    fence: none", "    fense: none", "4:5: services[0]: `fence` is missing",
      "8:5: services[0].fense: unknown key; did you mean `fence`?"),
    BadNodeFile(
      "    fence: none", "    fence:",
      "8:11: services[0].fence: has no value: must be `none` or {command: [...]}"),
    BadNodeFile(
      "    home: a", "    home: a\n    home: b",
      "6:5: services[0].home: written twice; the first is in line 5, column 5"),
    BadNodeFile(
      "node: a", "node: a\n\"node\": b", "2:1: node: written twice; the first is in line 1, column 1"),
    BadNodeFile(
      "node: a", "node: a\nnode: b\nnode: c", "2:1: node: written twice", "3:1: node: written twice"),
    .adding(
      "    storage: {mounts: [/srv/a, /srv/a/]}",
      "9:32: services[0].storage.mounts[1]: `/srv/a` stands here twice"),
    .adding(
      "    recovery: {server: {command: [/x]}, without_grace: tell}",
      "9:56: services[0].recovery.without_grace: has no meaning beside `server`"),
    .adding(
      "    recovery: {without_grace: yes}",
      "9:31: services[0].recovery.without_grace: `yes` must be refuse or tell"),
    .adding(
      "    recovery: {server: restart-nfsd}",
      "9:24: services[0].recovery.server: `restart-nfsd` must be restart-nfs or restart-lockd or ganesha or isolated or none; "
        + "did you mean `restart-nfs`?"),
    .adding(
      "    storage: {mounts: [srv]}",
      "9:24: services[0].storage.mounts[0]: `srv` must be the absolute path of a file system of the service"),
    .adding("colour: red", "9:1: colour: unknown key; known here: node, store"),
    .adding("beats: {leese: 4s}", "9:9: beats.leese: unknown key; did you mean `lease`?"),
    .adding(
      "beats: {store-timeout: 1s}", "9:9: beats.store-timeout: unknown key; did you mean `store_timeout`?"),
    .adding("? [a, b]\n: c", "9:3: node file: a key must be a plain word"),
    // Types
    BadNodeFile("node: a", "node: [a]", "1:7: node: must be a node name, not a list"),
    BadNodeFile("node: a", "node: {a: b}", "1:7: node: must be a node name, not a mapping"),
    BadNodeFile("node: a", "node: ~", "1:7: node: has no value"),
    BadNodeFile("node: a", "node: \"\"", "1:7: node: must be a node name, not an empty text"),
    BadNodeFile("[a, b]", "a", "6:17: services[0].candidates: must be a list of node names, not `a`"),
    .adding("health: 5", "9:9: health: must be a mapping with `listen`"),
    .adding("mirror: {burst: many}", "9:17: mirror.burst: `many` is not a whole number from 1 to 10000"),
    .adding("mirror: {burst: 1.5}", "9:17: mirror.burst: `1.5` is not a whole number"),
    .adding("mirror: {burst: 0}", "9:17: mirror.burst: 0 is out of range"),
    .adding("health: {failures: 101}", "9:20: health.failures: 101 is out of range"),
    // Names and paths
    BadNodeFile("node: a", "node: -a", "1:7: node: `-a` is no node name"),
    BadNodeFile("name: home", "name: ../home", "4:11: services[0].name: `../home` is no service name"),
    BadNodeFile(
      "[nfs.example.com]", "[\"a b\"]", "7:13: services[0].names[0]: `a b` is neither a host name nor"),
    BadNodeFile("[nfs.example.com]", "[10.0.0.256]", "7:13: services[0].names[0]: `10.0.0.256` is neither"),
    BadNodeFile("[nfs.example.com]", "[]", "7:12: services[0].names: is empty"),
    BadNodeFile("/srv/lockferry", "srv", "2:8: store: `srv` must be an absolute path"),
    BadNodeFile("directory:", "etcd:", "2:8: store: `etcd:/srv/lockferry` is no known store"),
    .adding("run_directory: run", "9:16: run_directory: `run` must be the absolute path"),
    .adding(
      "run_directory: /\(String(repeating: "r", count: 100))", "9:16: run_directory: is longer than 94 bytes"),
    .adding("state_directory: \"/a\\nb\"", "9:18: state_directory: must not contain control characters"),
    .adding("control_group: a b", "9:16: control_group: `a b` is no group name"),
    // Isolation: `recovery` stands in line 9, `address` and `interface` in 9 and 10 where they are needed
    BadNodeFile(
      "    fence: none", "    fence: none\n    recovery: {server: isolated}",
      "9:24: services[0].recovery.server: an isolated service needs `address` with a prefix length"),
    .isolated(
      "isolatd",
      "11:24: services[0].recovery.server: `isolatd` must be restart-nfs or restart-lockd or ganesha or isolated or none; "
        + "did you mean `isolated`?"
    ),
    .isolated(
      "{isolated: {thread: 8}}",
      "11:36: services[0].recovery.server.isolated.thread: unknown key; did you mean"),
    .isolated(
      "{isolated: {threads: 0}}",
      "11:45: services[0].recovery.server.isolated.threads: 0 is out of range: must be a whole number from 1 to 4096"
    ),
    .isolated("{isolated: {exports: []}}", "11:45: services[0].recovery.server.isolated.exports: is empty"),
    .isolated(
      "{isolated: {exports: [srv]}}",
      "11:46: services[0].recovery.server.isolated.exports[0]: `srv` must begin with the absolute path"),
    .isolated(
      "{isolated: {exports: srv}}",
      "11:45: services[0].recovery.server.isolated.exports: `srv` must be the absolute"),
    .isolated(
      "{isolated: {gateway: router}}",
      "11:45: services[0].recovery.server.isolated.gateway: `router` is no IPv4"),
    .isolated(
      "{isolated: {status_monitor: statd}}",
      "11:52: services[0].recovery.server.isolated.status_monitor: `statd` must be rpc.statd or lockferry"),
    .isolated(
      "{isolated: {nfs4: records}}",
      "11:42: services[0].recovery.server.isolated.nfs4: `records` must be the absolute"),
    BadNodeFile(
      "    fence: none",
      "    fence: none\n    address: 10.0.0.10/24\n    interface: eth0\n    storage: {mounts: [/srv/home]}\n"
        + "    recovery: {server: {isolated: {nfs4: /srv/homely/x}}}",
      "12:24: services[0].recovery.server: `nfs4: /srv/homely/x` is below none of `storage.mounts`"),
    .isolated(
      "isolated, withdraw: {command: [/bin/x]}",
      "11:44: services[0].recovery.withdraw: an isolated service is withdrawn by lockferry: leave it out"),
    .isolated(
      "isolated, own_clients: leave",
      "11:47: services[0].recovery.own_clients: this node's own clients notice nothing"),
    BadNodeFile(
      "    fence: none",
      "    fence: none\n    address: 10.0.0.10/24\n    interface: eth0\n    recovery: {withdraw: {command: [/bin/x]}}",
      "11:26: services[0].recovery.withdraw: an isolated service, which a service is unless `server` says otherwise, is"
    ),
    BadNodeFile(
      "    fence: none",
      "    fence: none\n    address: 10.0.0.10/24\n    interface: eth0\n    recovery: {without_grace: tell}",
      "11:31: services[0].recovery.without_grace: has no meaning beside `server: isolated`, which is the default"
    ),
    .isolated(
      "{isolated: {}, command: [/bin/x]}",
      "11:48: services[0].recovery.server.command: an isolated service is started by lockferry"),
    // Durations
    .adding("beats: {interval: 5}", "9:19: beats.interval: `5` has no unit: write 5ms, 5s, 5m or 5h"),
    .adding("beats: {interval: 5x}", "9:19: beats.interval: `x` is no unit in `5x`"),
    .adding("beats:\n  lease: soon", "10:10: beats.lease: `soon` is no duration"),
    .adding("beats: {interval: 5ms}", "9:19: beats.interval: 5ms is out of range: must be from 10ms to 1m"),
    .adding(
      "mirror: {grace_period: 5m}", "9:24: mirror.grace_period: 5m is out of range: must be from 1s to 4m"),
    // Timing inequalities
    .adding(
      "beats: {lease: 3s}",
      "9:1: beats: interval + 2 × store_timeout + stop_time ≤ lease × 0.99 − margin does not hold: 500ms + 2 × 1s + 1s = 3500ms, but 3s × 0.99 − 200ms = 2770ms; the smallest lease that would do is 3738ms"
    ),
    .adding(
      "beats: {interval: 2s, lease: 5500ms}",
      "9:1: beats: interval ≤ lease ÷ 3 does not hold: 3 × 2s = 6s, but lease is 5500ms"),
    .adding("mirror:\n  departure_delay: 50s", "9:1: mirror: departure_delay > grace_period does not hold"),
    // Candidates
    BadNodeFile("[a, b]", "[a, b, a]", "6:24: services[0].candidates[2]: `a` is in the list twice"),
    BadNodeFile("[a, b]", "[b]", "5:11: services[0].home: `a` is not among the candidates (b)"),
    BadNodeFile("[a, b]", "[]", "6:17: services[0].candidates: is empty"),
    // Commands
    BadNodeFile("fence: none", "fence: nothing", "8:12: services[0].fence: `nothing` must be none"),
    BadNodeFile("fence: none", "fence: {command: []}", "8:22: services[0].fence.command: is empty"),
    BadNodeFile(
      "fence: none", "fence: {command: [off]}",
      "8:23: services[0].fence.command[0]: `off` must be the absolute path of a program"),
    BadNodeFile("fence: none", "fence: {command: /off}", "8:22: services[0].fence.command: must be a list"),
    BadNodeFile("fence: none", "fence: {timeout: 5s}", "8:12: services[0].fence: `command` is missing"),
    BadNodeFile(
      "fence: none", "fence: {command: [/off, [a]]}",
      "8:29: services[0].fence.command[1]: must be an argument, not a list"),
    .adding("    recovery: {notify: mail}", "9:24: services[0].recovery.notify: `mail` must be built-in"),
    .adding(
      "    recovery: {notify: {sm-notify: {retry: 90s}}}",
      "9:36: services[0].recovery.notify.sm-notify: 90s must be whole minutes"),
    .adding(
      "    recovery: {notify: {built-in: {retry: 30s}}}",
      "9:43: services[0].recovery.notify.built-in.retry: 30s is out of range"),
    .adding(
      "    recovery: {notify: {built-in: {retry: 5m}, command: [/tell]}}",
      "9:57: services[0].recovery.notify.command: only one of built-in, command tells the clients"),
    // Addresses
    .adding("    address: 10.0.0.10/24", "9:14: services[0].address: `interface` is missing"),
    .adding("    interface: eth0", "9:16: services[0].interface: an interface without `address`"),
    .adding(
      "    address: 10.0.0.10\n    interface: eth0",
      "9:14: services[0].address: `10.0.0.10` has no prefix length"),
    .adding(
      "    address: 10.0.0.10/33\n    interface: eth0", "9:14: services[0].address: `33` is no prefix length"),
    .adding(
      "    address: 10.0.0.10/+8\n    interface: eth0", "9:14: services[0].address: `+8` is no prefix length"),
    .adding(
      "    address: 10.0.0/24\n    interface: eth0",
      "9:14: services[0].address: `10.0.0` is no IPv4 or IPv6 address"),
    .adding(
      "    address: 10.0.0.255/24\n    interface: eth0",
      "9:14: services[0].address: 10.0.0.255/24 is the broadcast address"),
    .adding(
      "    address: fe80::1/64\n    interface: eth0", "9:14: services[0].address: fe80::1 is link-local"),
    .adding(
      "    address: ff02::1/64\n    interface: eth0",
      "9:14: services[0].address: ff02::1 is no address that a host can have"),
    .adding(
      "    address: 10.0.0.10/24\n    interface: \"eth0:1\"",
      "10:16: services[0].interface: `eth0:1` is no interface name"),
    .adding(
      "    address: [10.0.0.10/24, fd00::/129]\n    interface: eth0",
      "9:29: services[0].address[1]: `129` is no prefix length"),
    .adding(
      "    address: [10.0.0.10/24, 10.0.0.10/16]\n    interface: eth0",
      "9:29: services[0].address[1]: the address 10.0.0.10 stands here twice"),
    .adding("    address: []\n    interface: eth0", "9:14: services[0].address: is empty"),
    .adding(
      "self_fence: {watchdog: /dev/watchdog}",
      "9:1: self_fence: store_timeout + 2 × self_fence.timeout ≤ lease × 0.99 − margin does not hold: 1s + 2 × 4s = 9s"
    ),
    .adding("self_fence: {timeout: 4s}", "9:13: self_fence: `watchdog` is missing"),
    .adding(
      "self_fence: {watchdog: /dev/watchdog, timeout: 4500ms}\nbeats: {lease: 20s}",
      "9:1: self_fence: timeout: 4500ms must be whole seconds"),
    .adding("addresses: {probe: never}", "9:20: addresses.probe: `never` must be none"),
    .adding(
      "addresses: {probe: {count: 0}}", "9:28: addresses.probe.count: 0 is out of range: must be a whole"),
    .adding(
      "addresses: {announce: {interval: 2s}}", "9:34: addresses.announce.interval: 2s is out of range"),
    .adding(
      "    address: {address: 10.0.0.10/24, take: {command: [/t]}}",
      "9:14: services[0].address: `release` is missing",
      "9:24: services[0].address.address: `10.0.0.10/24` is no IPv4"),
    .adding("health: {listen: localhost:1}", "9:18: health.listen: `localhost:1` must be an address"),
    .adding("health: {listen: 127.0.0.1}", "9:18: health.listen: `127.0.0.1` has no port"),
    .adding("health: {listen: \"127.0.0.1:65536\"}", "9:18: health.listen: `65536` is no port"),
    .adding("health: {listen: \"::1:80\"}", "9:18: health.listen: `::1:80` must be an address"),
    // Probes
    .adding(
      "health: {probes: [{program: nsf}]}",
      "9:29: health.probes[0].program: `nsf` is not known: did you mean `nfs`?"),
    .adding("health: {probes: [{program: 400001}]}", "9:19: health.probes[0]: `version` is missing"),
    .adding(
      "health: {probes: [{program: 4294967296}]}",
      "9:29: health.probes[0].program: 4294967296 is out of range"),
    .adding("health: {probes: [{timeout: 1s}]}", "9:19: health.probes[0]: a probe needs `program`"),
    .adding(
      "health: {probes: [{program: nfs, command: [/c]}]}",
      "9:43: health.probes[0].command: a probe has either"),
    .adding(
      "health: {probes: [{command: [/c], host: h}]}", "9:41: health.probes[0].host: belongs to `program`"),
    .adding(
      "health: {probes: [{program: nfs, transport: tpc}]}",
      "9:45: health.probes[0].transport: `tpc` must be tcp or udp; did you mean `tcp`?"),
    // YAML
    BadNodeFile("node: a", "node: [a", "2:6: not YAML"),
    BadNodeFile("node: a", "node: &x a", "1:7: node: anchors and aliases are not part of a node file"),
    BadNodeFile("node: a", "node: *x", "1:7: not YAML: found undefined alias"),
    .adding("---\nnode: b", "9:1: a second YAML document"),
    BadNodeFile("node: a", "node: \u{1}", "1:7: not YAML: control characters are not allowed"),
    BadNodeFile("node: a", "\tnode: a", "1:1: not YAML: found character that cannot start any token"),
    BadNodeFile(smallNodeFile, "", "1:1: the file is empty"),
    BadNodeFile(smallNodeFile, "just words", "1:1: node file: must be a mapping with `node`"),
    BadNodeFile(smallNodeFile, String(repeating: "[", count: 5000), "1:1: nested too deeply"),
    BadNodeFile(
      smallNodeFile, "node: é\r\nstöre: x\r\n\u{e9}\u{e9}: 1", "1:1: node file: `services`",
      "1:1: node file: `store`", "1:7: node: `é` is no", "2:1: störe: unknown key; did you mean `store`?",
      "3:1: éé: unknown key"),
  ]

  @Test(arguments: badFiles)
  func isReportedWithItsPosition(bad: BadNodeFile) throws {
    let text = smallNodeFile.replacing(bad.change, with: bad.with)
    try #require(text != smallNodeFile)
    let error = try #require(throws: ConfigurationError.self) { try NodeFile.parse(text, file: "n.yaml") }
    #expect(error.code == .invalid)
    let lines = error.description.split(separator: "\n")
    #expect(lines.count == bad.expected.count, "\(error)")
    for (line, expected) in zip(lines, bad.expected) {
      #expect(
        line.hasPrefix("n.yaml:" + expected) || (expected.isEmpty && line.hasPrefix("n.yaml:")), "\(error)")
    }
  }

  private func problems(_ text: String) throws -> [String] {
    let error = try #require(throws: ConfigurationError.self) { try NodeFile.parse(text, file: "n") }
    return error.problems.map { "\($0.line):\($0.column): \($0.message)" }
  }

  @Test func servicesMayNotShareANameAHostNameOrAnAddress() throws {
    let text = """
      \(smallNodeFile)
          address: fd00::10/64
          interface: eth0
        - name: home
          home: a
          candidates: [a]
          names: [work.example.com, NFS.example.com]
          address: {address: "fd00:0:0::10", take: {command: [/t]}, release: {command: [/r]}}
          fence: none
      """
    #expect(
      try problems(text) == [
        "11:11: services[1].name: two services have the name `home`",
        "14:31: services[1].names[1]: the host name `NFS.example.com` belongs to services[0] already: whose records"
          + " they are could not be told",
        "15:14: services[1].address: the address fd00::10 belongs to services[0] already: two services would move"
          + " one address",
      ])
  }

  @Test func everythingWrongIsSaidAtOnce() throws {
    let text = """
      node: a b
      stoer: directory:/s
      beats: {interval: 5, lease: 1x}
      mirror: {departure_delay: 1s}
      services:
        - {name: 'a/b', home: a, candidates: [a], names: [h]}
        - home: b
      """
    #expect(
      try problems(text).map { $0.prefix { $0 != " " } } == [
        "1:1:", "1:7:", "2:1:", "3:19:", "3:29:", "4:1:", "6:5:", "6:12:", "7:5:", "7:5:", "7:5:", "7:5:",
      ])
  }

  @Test func problemsAreBoundedAndPrintable() throws {
    let keys = (0..<5000).map { "key\($0): 1" }.joined(separator: "\n")
    #expect(try problems(keys).count == NodeFileContext.mostProblems)
    let repeated = String(repeating: "node: a\n", count: 2000)
    #expect(try problems(repeated).count <= NodeFileContext.mostProblems)
    #expect(try problems("\"no\\eda\": 1").allSatisfy { !$0.contains("\u{1b}") })
  }

  @Test("A small file can't describe a tree too large to read", arguments: [false, true])
  func aliasBomb(asKey: Bool) throws {
    var lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in 1...60 {
      let alias = "*a\(level - 1)"
      lines.append("a\(level): &a\(level) [\(alias), \(alias), \(alias), \(alias)]")
    }
    lines.append(asKey ? "? *a60\n: 1" : "node: *a60")
    #expect(
      try problems(lines.joined(separator: "\n")).contains { $0.contains("anchors and aliases are not part") }
    )
    let merge = "base: &b {node: a}\n<<: *b\n" + smallNodeFile
    #expect(try problems(merge).contains { $0.hasPrefix("2:1: <<: unknown key") })
    let shared = smallNodeFile.replacing("[a, b]", with: "&c [a, b]") + "\nhealth: {probes: *c}"
    #expect(
      try problems(shared).map { $0.prefix { $0 != " " } } == ["6:17:", "6:17:"],
      "an alias stands where its anchor does")
  }
}
