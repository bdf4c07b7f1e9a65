import Cluster
import Foundation
import NodeHost
import Testing

@testable import Sidecar

/// The least that a node file may say.
let smallNodeFile = """
  node: a
  store: directory:/srv/lockferry
  services:
    - name: home
      home: a
      candidates: [a, b]
      names: [nfs.example.com]
      fence: none
  """

@Suite("Reading a node file")
struct ConfigurationTests {
  @Test func everyKeyIsRead() throws {
    let configuration = try NodeFile.parse(
      """
      node: a
      store: directory:/srv/lockferry/
      store_staleness: 3s
      status_directory: /var/lib/nfs
      run_directory: /run/other
      state_directory: /var/lib/other/
      control_group: lockferry
      health:
        listen: "[::1]:99"
        interval: 2s
        failures: 4
        probes:
          - {program: nfs, version: 4, transport: udp, host: nfs.example.com, timeout: 1.5s}
          - {program: 100021}
          - program: 395648
            version: 2
          - {command: [/usr/local/sbin/check-nfs, --quick, 5, ""], timeout: 2s}
      beats: {interval: 1s, store_timeout: 900ms, lease: 6s, margin: 300ms, stop_time: 2s, daemon_stop_grace: 0s}
      addresses: {probe: {count: 2, interval: 50ms}, announce: {count: 4, interval: 200ms}}
      mirror: {grace_period: 90s, departure_delay: 3m, burst: 7, burst_window: 11s, rescan: 2m}
      callout: {limit: 700ms}
      services:
        - name: home
          home: a
          candidates: [b, a]
          names: [nfs.example.com, 10.0.0.10]
          address: [fd00:0::0010/64, 10.0.0.10/24]
          interface: eth0.7
          fence: {command: [/sbin/fence, b], timeout: 30s}
          storage: {attach: {command: [/sbin/attach]}, detach: {command: [/sbin/detach], timeout: 1m}, mounts: [/srv/a/, /srv/b]}
          recovery:
            server: {command: [/sbin/start]}
            withdraw: {command: [/sbin/stop]}
            notify: {sm-notify: {retry: 20m}}
        - name: work
          home: c
          candidates: [c]
          names: [work.example.com]
          address: {address: 10.0.0.11, take: {command: [/sbin/take]}, release: {command: [/sbin/give]}}
          fence: none
          recovery: {notify: {command: [/sbin/notify], timeout: 5s}}
      """, file: "x.yaml")
    #expect(configuration.node.text == "a")
    #expect(configuration.store == .directory("/srv/lockferry"))
    #expect(configuration.storeStaleness == .seconds(3))
    #expect(configuration.statusDirectory == "/var/lib/nfs")
    #expect(configuration.runDirectory == "/run/other")
    #expect(configuration.calloutLimit == .milliseconds(700))
    #expect(configuration.stateDirectory == "/var/lib/other")
    #expect(configuration.controlGroup == "lockferry")
    #expect(configuration.health.listenHost == "::1")
    #expect(configuration.health.listenPort == 99)
    #expect(configuration.health.interval == .seconds(2))
    #expect(configuration.health.failures == 4)
    #expect(
      configuration.health.probes == [
        HealthProbe(
          subject: .program(
            name: "nfs", number: 100_003, version: 4, transport: .udp, host: "nfs.example.com"),
          timeout: .milliseconds(1500)),
        HealthProbe(
          subject: .program(
            name: "nlockmgr", number: 100_021, version: 4, transport: .udp, host: "127.0.0.1"),
          timeout: .seconds(1)),
        HealthProbe(
          subject: .program(name: "395648", number: 395_648, version: 2, transport: .udp, host: "127.0.0.1"),
          timeout: .seconds(1)),
        HealthProbe(
          subject: .command(["/usr/local/sbin/check-nfs", "--quick", "5", ""]), timeout: .seconds(2)),
      ])
    #expect(
      configuration.beats
        == BeatTimings(
          interval: .seconds(1), storeTimeout: .milliseconds(900), lease: .seconds(6),
          margin: .milliseconds(300), stopTime: .seconds(2), daemonStopGrace: .zero))
    #expect(
      configuration.mirror
        == MirrorTimings(
          gracePeriod: .seconds(90), departureDelay: .seconds(180), burst: 7, burstWindow: .seconds(11),
          rescan: .seconds(120)))
    try #require(configuration.services.count == 2)
    let home = configuration.services[0]
    #expect(home.candidates.map(\.text) == ["b", "a"])
    #expect(home.names == ["nfs.example.com", "10.0.0.10"])
    #expect(home.addresses == ["fd00::10", "10.0.0.10"])
    #expect(
      home.address
        == .interface([
          InterfaceAddress(address: "fd00::10", prefixLength: 64, interface: "eth0.7"),
          InterfaceAddress(address: "10.0.0.10", prefixLength: 24, interface: "eth0.7"),
        ]))
    #expect(home.canonicalText.contains("address: fd00::10, 10.0.0.10\n"))
    #expect(home.canonicalText.contains("prefix_length: 64, 24\n"))
    #expect(configuration.addresses.probing == AddressProbing(count: 2, interval: .milliseconds(50)))
    #expect(configuration.addresses.announcing == AddressAnnouncing(count: 4, interval: .milliseconds(200)))
    #expect(
      home.fence == .command(CommandConfiguration(arguments: ["/sbin/fence", "b"], timeout: .seconds(30))))
    #expect(home.attachStorage == CommandConfiguration(arguments: ["/sbin/attach"], timeout: .seconds(60)))
    #expect(home.detachStorage == CommandConfiguration(arguments: ["/sbin/detach"], timeout: .seconds(60)))
    #expect(home.storageMounts == ["/srv/a", "/srv/b"])
    #expect(
      home.serverRecovery
        == .command(CommandConfiguration(arguments: ["/sbin/start"], timeout: .seconds(60))))
    #expect(home.serverWithdrawal?.arguments == ["/sbin/stop"])
    #expect(home.notification == .smNotify(retry: .seconds(1200)))
    let work = configuration.services[1]
    #expect(
      work.address
        == .command(
          address: "10.0.0.11", take: CommandConfiguration(arguments: ["/sbin/take"], timeout: .seconds(60)),
          release: CommandConfiguration(arguments: ["/sbin/give"], timeout: .seconds(60))))
    #expect(
      work.notification
        == .command(CommandConfiguration(arguments: ["/sbin/notify"], timeout: .seconds(5))))
  }

  @Test func whatIsNotSaidHasItsDefault() throws {
    let configuration = try NodeFile.parse(smallNodeFile, file: "x.yaml")
    #expect(configuration.storeStaleness == .zero)
    #expect(configuration.statusDirectory == nil)
    #expect(configuration.runDirectory == "/run/lockferry")
    #expect(configuration.stateDirectory == "/var/lib/lockferry")
    #expect(configuration.controlGroup == nil)
    #expect(configuration.health.listenHost == "127.0.0.1")
    #expect(configuration.health.listenPort == 9943)
    #expect(configuration.health.interval == .seconds(1))
    #expect(configuration.health.failures == 3)
    #expect(configuration.health.probes == [NodeFileHealth.defaultProbe])
    #expect(configuration.beats == BeatTimings())
    #expect(configuration.selfFence == nil && configuration.beats.watchdog == nil)
    let fenced = try NodeFile.parse(
      smallNodeFile + "\nself_fence: {watchdog: /dev/watchdog1, timeout: 6s}\nbeats: {lease: 15s}", file: "x")
    #expect(fenced.selfFence == SelfFenceConfiguration(watchdog: "/dev/watchdog1"))
    #expect(fenced.beats == BeatTimings(lease: .seconds(15), watchdog: .seconds(6)))
    #expect(configuration.addresses.probing == .usual)
    #expect(configuration.addresses.announcing == .usual)
    #expect(
      try NodeFile.parse(smallNodeFile + "\naddresses: {probe: none}", file: "x").addresses.probing == .none)
    #expect(configuration.mirror == MirrorTimings())
    #expect(configuration.calloutLimit == .seconds(2))
    let service = configuration.services[0]
    #expect(service.fence == .none)
    #expect(service.address == nil)
    #expect(service.attachStorage == nil)
    #expect(service.detachStorage == nil)
    #expect(service.serverRecovery == nil && !service.tellsWithoutGrace)
    #expect(service.serverWithdrawal == nil)
    #expect(service.notification == .builtIn(retry: .seconds(900)))
  }

  /// M7
  @Test(arguments: NodeRestart.allCases)
  func whatLockferryRestartsItself(restart: NodeRestart) throws {
    let file = smallNodeFile + "\n    recovery: {server: \(restart.rawValue)}"
    let service = try NodeFile.parse(file, file: "x.yaml").services[0]
    #expect(service.serverRecovery == .restart(restart) && service.restartsOwnServer)
    // Whether it can be done here is known beforehand.
    #expect(service.coreDefinition.recoversServer && service.coreDefinition.hasChecks)
  }

  @Test("B9 NFS-Ganesha is recovered by lockferry itself, and restarts nothing")
  func ganesha() throws {
    let service = try NodeFile.parse(smallNodeFile + "\n    recovery: {server: ganesha}", file: "x.yaml")
      .services[0]
    #expect(service.serverRecovery == .ganesha && !service.restartsOwnServer)
    #expect(service.coreDefinition.recoversServer && service.coreDefinition.hasChecks)
  }

  @Test func anOperatorMayInsistOnTellingClientsWithoutAGracePeriod() throws {
    let file = smallNodeFile + "\n    recovery: {without_grace: tell}"
    let service = try NodeFile.parse(file, file: "x.yaml").services[0]
    #expect(service.tellsWithoutGrace && service.coreDefinition.tellsWithoutGrace)
  }

  @Test func aNodeThatServesNothingOnlyObservesAndAsksNoServer() throws {
    let observer = smallNodeFile.replacing("node: a", with: "node: watcher")
    #expect(try NodeFile.parse(observer, file: "x.yaml").health.probes.isEmpty)
    let empty = "node: a\nstore: directory:/s\nservices: []"
    #expect(try NodeFile.parse(empty, file: "x.yaml").services.isEmpty)
  }

  private func isolated(_ server: String) throws -> NodeConfiguration {
    try NodeFile.parse(
      smallNodeFile
        + "\n    address: 10.0.0.10/24\n    interface: eth0\n    recovery:\n      server: \(server)",
      file: "x.yaml")
  }

  @Test("B3 one word isolates a service; its exports are in a file of its own")
  func isolatedByOneWord() throws {
    let configuration = try isolated("isolated")
    let service = configuration.services[0]
    #expect(
      service.serverRecovery
        == .isolated(
          IsolationConfiguration(exports: .file("/etc/lockferry/home.exports"), threads: 8, gateway: nil)))
    #expect(service.coreDefinition.isIsolated)
    #expect(service.coreDefinition.recoversServer && service.coreDefinition.withdrawsServer)
    let namespace = try #require(configuration.namespace(of: service))
    #expect(namespace.networkNamespace == "/run/netns/lockferry-home")
    #expect(namespace.mountNamespace == "/run/lockferry/isolated/home.mounts")
    #expect(namespace.statusDirectory == "/var/lib/lockferry/isolated/home/nfs")
    #expect(namespace.parent == "eth0")
    // This node's own NFS server is not needed for it.
    #expect(configuration.health.probes.isEmpty)
  }

  @Test("B1 B3 lockferry statd of an isolated service is told what the node file says of it")
  func ownStatusMonitorOfAService() throws {
    var configuration = try isolated("{isolated: {status_monitor: lockferry}}")
    configuration.calloutLimit = .milliseconds(1500)
    configuration.whenNotMirrored = .refuse
    let service = configuration.services[0]
    let server = try #require(configuration.server(of: service))
    #expect(
      server.statusMonitor
        == .statusMonitor(
          .lockferry(runDirectory: "/run/lockferry", limit: .milliseconds(1500), refuses: true)))
    #expect(server.statusMonitor.name == "lockferry-statd")
    let usual = try isolated("isolated")
    #expect(usual.server(of: usual.services[0])?.statusMonitor == .statusMonitor(.rpcStatd))
  }

  @Test("B8 NFSv4's client records are where the node file says, and every node must have them")
  func version4() throws {
    let usual = try isolated("isolated")
    #expect(usual.server(of: usual.services[0])?.version4 == nil)
    let configuration = try isolated("{isolated: {nfs4: /srv/home/.nfs4}}")
    let service = configuration.services[0]
    #expect(
      configuration.server(of: service)?.version4
        == ServiceVersion4(clientRecords: "/srv/home/.nfs4", scope: service.names[0]))
    #expect(
      ClusterDefinition.disagreements(
        here: service.canonicalText, there: usual.services[0].canonicalText)
        == ["nfs4: yes here, nothing there"])
  }

  @Test("B3 a service that can have a link of its own is isolated unless something else is said")
  func isolatedByDefault() throws {
    let withLink = smallNodeFile + "\n    address: 10.0.0.10/24\n    interface: eth0"
    let service = try NodeFile.parse(withLink, file: "x.yaml").services[0]
    #expect(try service == isolated("isolated").services[0])
    // Whether it can be done here is known beforehand.
    #expect(service.coreDefinition.hasChecks)
    #expect(try isolated("none").services[0].serverRecovery == nil)
    #expect(try isolated("restart-nfs").services[0].serverRecovery == .restart(.nfs))
    // Nothing says where its link could be.
    let commands = "{address: 10.0.0.10, take: {command: [/t]}, release: {command: [/r]}}"
    for text in [smallNodeFile, smallNodeFile + "\n    address: \(commands)"] {
      #expect(try NodeFile.parse(text, file: "x.yaml").services[0].serverRecovery == nil)
    }
    let insists = withLink + "\n    recovery: {server: none, without_grace: tell}"
    #expect(try NodeFile.parse(insists, file: "x.yaml").services[0].tellsWithoutGrace)
  }

  @Test("B3 what an isolated service exports, by how many threads and through which router, can be said")
  func isolatedInDetail() throws {
    let lines =
      "{isolated: {exports: [\"/srv/home *(rw)\", \"/srv/x 10.0.0.1(ro)\"], threads: 16, gateway: 10.0.0.1}}"
    #expect(
      try isolated(lines).services[0].isolation
        == IsolationConfiguration(
          exports: .lines(["/srv/home *(rw)", "/srv/x 10.0.0.1(ro)"]), threads: 16, gateway: "10.0.0.1"))
    #expect(
      try isolated("{isolated: {exports: /etc/home.exports}}").services[0].isolation?.exports
        == .file("/etc/home.exports"))
    let monitors = try ["{}", "{status_monitor: rpc.statd}", "{status_monitor: lockferry}"].map {
      try isolated("{isolated: \($0)}").services[0].isolation?.statusMonitor
    }
    #expect(monitors == [.rpcStatd, .rpcStatd, .lockferry])
    let restarted = try isolated("{command: [/sbin/restart]}")
    #expect(restarted.services[0].isolation == nil)
    #expect(restarted.namespace(of: restarted.services[0]) == nil)
    #expect(!restarted.services[0].coreDefinition.isIsolated)
  }

  @Test func anEmptyListOfProbesIsTakenAtItsWord() throws {
    let file = smallNodeFile + "\nhealth: {probes: []}"
    #expect(try NodeFile.parse(file, file: "x.yaml").health.probes.isEmpty)
  }

  @Test func wordsThatYAMLMightTakeForTruthOrNumbersAreNames() throws {
    let file = smallNodeFile.replacing("[a, b]", with: "[a, no, 5, 1e3, true]")
    let names = try NodeFile.parse(file, file: "x.yaml").services[0].candidates.map(\.text)
    #expect(names == ["a", "no", "5", "1e3", "true"])
  }

  /// C3
  @Test func aServiceMayBeVotedOn() throws {
    let plain = try NodeFile.parse(smallNodeFile, file: "a")
    #expect(plain.services[0].election == .race && plain.services[0].priority == 100)
    #expect(plain.adoption.policy.voteWait == nil)
    let words = "fence: none\n    election: vote\n    priority: 250"
    let voting = try NodeFile.parse(
      "adoption: {vote_wait: 1500ms}\n" + smallNodeFile.replacing("fence: none", with: words), file: "a")
    #expect(voting.services[0].election == .vote && voting.services[0].priority == 250)
    #expect(voting.adoption.policy.voteWait == .milliseconds(1500))
    #expect(voting.services[0].coreDefinition.election == .vote)
    #expect(voting.services[0].coreDefinition.priority == 250)
    // Each node has its own priority, but all vote or none does.
    let other = try NodeFile.parse(
      smallNodeFile.replacing("fence: none", with: "fence: none\n    election: vote"), file: "b")
    #expect(voting.services[0].canonicalText == other.services[0].canonicalText)
    #expect(
      ClusterDefinition.disagreements(
        here: voting.services[0].canonicalText, there: plain.services[0].canonicalText)
        == ["election: vote here, nothing there"])
  }

  @Test(
    "What a vote can't take",
    arguments: [
      ("election: drum", "race or vote"), ("priority: 1001", "1000"), ("priority: -1", "1000"),
      ("priority: high", "1000"),
    ])
  func refused(line: String, says: String) {
    let text = smallNodeFile.replacing("fence: none", with: "fence: none\n    \(line)")
    let error = #expect(throws: ConfigurationError.self) { try NodeFile.parse(text, file: "a") }
    #expect(error.map { "\($0)".contains(says) } == true)
  }

  @Test func twoNodesCompareWhatTheyMustSayAlike() throws {
    let ours = try NodeFile.parse(smallNodeFile, file: "a").services[0]
    let theirs = try NodeFile.parse(
      smallNodeFile.replacing("[a, b]", with: "[b, a]").replacing(
        "fence: none", with: "fence: {command: [/f]}"),
      file: "b"
    ).services[0]
    #expect(
      ours.canonicalText == """
        address: none
        candidates: a, b
        failback: manual
        fence: none
        home: a
        name: home
        names: nfs.example.com

        """)
    let here = ours.canonicalText(beats: BeatTimings(), mirror: MirrorTimings())
    #expect(here == ours.canonicalText(beats: BeatTimings(), mirror: MirrorTimings()))
    #expect(ClusterDefinition.disagreements(here: here, there: here).isEmpty)
    let there = theirs.canonicalText(beats: BeatTimings(lease: .seconds(6)), mirror: MirrorTimings())
    #expect(
      ClusterDefinition.disagreements(here: here, there: there) == [
        "beats.lease: 4s here, 6s there", "candidates: a, b here, b, a there",
        "fence: none here, command there",
      ])
    #expect(ClusterDefinition.disagreements(here: "a: 1\n", there: "b: \u{1b}[2J\n").count == 2)
    #expect(
      ClusterDefinition.disagreements(here: "", there: "b: \u{1b}[2J\n") == [
        "b: nothing here, \\u{1b}[2J there"
      ])
  }

  @Test func commandsAndInterfacesMayDifferBetweenNodes() throws {
    let withAddress = smallNodeFile + "\n    address: 10.0.0.10/24\n    interface: "
    let one = try NodeFile.parse(withAddress + "eth0", file: "a").services[0]
    let other = try NodeFile.parse(withAddress + "ens3", file: "b").services[0]
    #expect(one.canonicalText == other.canonicalText)
    #expect(one.canonicalText.contains("address: 10.0.0.10\n"))
  }

  @Test func aFileIsReadFromTheDiskOrItSaysWhyNot() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "lockferry-\(UUID())").path()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/lockferry.yaml"
    try smallNodeFile.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try NodeFile.load(path: path).node.text == "a")

    func failure(_ path: String) throws -> ConfigurationError {
      try #require(throws: ConfigurationError.self) { try NodeFile.load(path: path) }
    }
    #expect(try failure(folder + "/none").code == .unreadable)
    #expect(
      try failure(folder + "/none").description == folder + "/none: can't be read: No such file or directory")
    #expect(try failure(folder).description == folder + ": is not a regular file")
    #expect(mkfifo(folder + "/fifo", 0o600) == 0)
    #expect(try failure(folder + "/fifo").code == .unreadable)

    try Data("node: a\n# caf\u{e9}: \n".utf8 + [0x20, 0xE9, 0x0A]).write(to: URL(filePath: path))
    #expect(try failure(path).description == path + ":3:2: not UTF-8 from here on")
    try Data(repeating: 0x23, count: 300_000).write(to: URL(filePath: path))
    #expect(try failure(path).description.contains("larger than 256 KiB"))
  }
}
