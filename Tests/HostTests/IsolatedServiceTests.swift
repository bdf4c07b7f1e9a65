import Foundation
import HostTestKit
import Testing

extension HostTests {
  /// B3: a service in a network namespace of its own, as far as a machine without nfsd can go: link, mounts, rpcbind and
  /// rpc.statd are real. What comes after them, nfsd and its grace period, the kernel lab shows.
  @Suite(
    "A service in a network namespace of its own",
    .enabled(
      if: Isolated.programs != nil && !Isolated.hasKernelServer,
      "needs rpc.nfsd unpacked (scripts/unpack-packages .build/lab/guest-tools nfs-kernel-server) and a kernel without nfsd"
    ))
  struct IsolatedServiceTests {
    private static let inside = [
      "nsenter", "--net=/run/netns/lockferry-home", "--mount=/run/lockferry/isolated/home.mounts", "--",
    ]

    @Test(
      "B3 it has a port table, a status monitor and records of its own, and a killed daemon goes on with it",
      arguments: [("rpc.statd", "rpc.statd"), ("lockferry", "lockferry-statd")])
    func ownStatusMonitor(word: String, process: String) async throws {
      try await withIsolatedService(statusMonitor: word) { host, store in
        var daemon = try await Self.start(host)
        try await Self.waitUntilServerFails(host)

        // A client of the service, and one of the node itself.
        try await eventually("the status monitor of the service takes a client") {
          try await Self.monitor("10.77.0.77", host)
        }
        if word == "lockferry" {
          #expect(Self.records(of: "home", in: store) == ["10.77.0.77"], "B1 it is there before the answer")
        }
        try await host.monitor("10.77.0.78", as: "a")
        let own = host.disk + "/state/isolated/home/nfs/sm"
        #expect(try FileManager.default.contentsOfDirectory(atPath: own) == ["10.77.0.77"])
        #expect(host.recordNames == ["10.77.0.78"])
        // The node's other service shares its NFS server, and its records.
        try await eventually("each service's record is in the store, and no other's") {
          Self.records(of: "home", in: store) == ["10.77.0.77"]
            && Self.records(of: "shared", in: store) == ["10.77.0.78"]
        }
        let outside = try await host.run(["rpcinfo", "-p"]).orThrow().output
        try await eventually("the service's status monitor has a port of its own") {
          let within = try await host.run(Self.inside + ["rpcinfo", "-p"]).orThrow().output
          let port = Self.port(of: "status", in: within)
          return port != nil && port != Self.port(of: "status", in: outside)
        }

        // It goes on trying what can not succeed here, and starts them anew each time.
        let paused = daemon
        try await eventually("nothing is being started as it stops") {
          paused.pause()
          let names = try await Self.processes(host).map { String($0.prefix { $0 != " " }) }
          if names == [process, "rpcbind"].sorted() { return true }
          paused.resume()
          return false
        }
        let before = try await Self.processes(host)
        if word == "lockferry" {
          #expect(
            try await !Self.monitor("10.77.0.79", host), "B1 no lock whose record isn't in the store")
        }
        // As it stands: one that goes on for a moment may start them anew.
        daemon.send(SIGKILL)
        try await daemon.kill()
        #expect(try await Self.processes(host) == before, "what it started goes on without it")
        daemon = try await Self.start(host)
        try await Self.waitUntilServerFails(host)
        #expect(try FileManager.default.contentsOfDirectory(atPath: own).contains("10.77.0.77"))

        try Self.loseStore(store)
        try await Self.waitUntilGone(host)
        #expect(try await host.run(["rpcinfo", "-T", "udp", "127.0.0.1", "status"]).end.succeeded)
        _ = daemon
      }
    }

    @Test(
      "B3 whatever a killed daemon has left of it is taken away, and it is made anew",
      arguments: [
        // The network alone; with its link; without the name of its mounts, while programs run in them; a name without
        // a network.
        "ip netns add lockferry-home",
        "ip netns add lockferry-home; ip link add x type veth peer name service netns lockferry-home",
        """
        ip netns add lockferry-home; ip -n lockferry-home link set lo up
        ip netns exec lockferry-home unshare -m sh -c 'mount -t tmpfs tmpfs /run; mkdir /run/rpcbind; rpcbind -w'
        mkdir -p /run/lockferry/isolated; touch /run/lockferry/isolated/home.mounts
        """,
        "mkdir -p /run/netns /run/lockferry/isolated; touch /run/netns/lockferry-home /run/lockferry/isolated/home.mounts",
      ])
    func leftovers(script: String) async throws {
      try await withIsolatedService { host, store in
        try await host.run(["bash", "-ec", script]).orThrow()
        _ = try await Self.start(host)
        try await Self.waitUntilServerFails(host)
        // They are started anew with each try.
        try await eventually("the service's own programs run") {
          try await Self.processes(host).map { $0.split(separator: " ")[0] } == ["rpc.statd", "rpcbind"]
        }
        try Self.loseStore(store)
        try await Self.waitUntilGone(host)
      }
    }

    @Test(
      "B3 a node says beforehand what stands against an isolated service, and takes it when that is mended")
    func ineligible() async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("a")
        try await host.becomeServer()
        let exports = host.disk + "/home.exports"
        var service = NodeFile.Service(
          name: "home", home: "a", candidates: ["a"], names: ["nfs.demo.test"], address: "10.77.0.10/24")
        service.interface = "br0"
        service.serverRecovery = .word("{isolated: {exports: \(exports)}}")
        var file = NodeFile(
          node: "a", store: network.sharedPath("lockferry"), stateDirectory: host.disk + "/state",
          services: [service])
        file.adoption = "{check_interval: 1s}"
        try host.write(file)
        let daemon = try await Self.start(host)
        try await eventually("the node is not eligible since its exports are not there") {
          let reasons = try? await host.status().service("home")?.reasons(against: "a")
          return reasons?.contains { $0.contains(exports) && $0.hasPrefix("isolated: ") } == true
        }
        #expect(try await host.status().service("home")?.epoch == 0, "nobody has opened it")
        try "/srv *(ro,fsid=77)\n".write(toFile: exports, atomically: true, encoding: .utf8)
        try await Self.waitUntilServerFails(host)
        _ = daemon
      }
    }

    /// Every program that a step runs is a moment at which a daemon may die; what it has begun by then is there.
    @Test(
      "B3 a daemon that is killed at any program of an adoption or release leaves nothing behind, and the next one goes on"
    )
    func killedAtEveryProgram() async throws {
      try await withTestNetwork { network in
        let store = network.sharedPath("lockferry")
        try network.makeFolder(store)
        try "lockferry directory store, format 1\n".write(
          toFile: store + "/.lockferry-store", atomically: true, encoding: .utf8)
        var sites: [KilledSite] = []
        for name in ["a", "b"] {
          sites.append(try await KilledSite(name, in: network, store: store))
        }
        // Neither kernel has nfsd: a can't and hands it on, b can't either, and after a rest it goes back.
        for number in 1...Self.kills {
          for site in sites { try await site.start(killAt: number) }
          try await eventually(within: .seconds(120), "a daemon is killed at its program number \(number)") {
            sites.contains { !$0.isRunning }
          }
        }
        for site in sites { try await site.start(killAt: nil) }
        // The same while it takes away what it has: the link, and the network.
        for number in 1...2 {
          let owner = try await Self.settle(sites)
          try owner.arm(killAt: number, of: "delete")
          try Self.loseStore(store)
          try await eventually("it is killed while it takes it away") {
            !owner.isRunning
          }
          try Self.findStore(store)
          try await owner.start(killAt: nil)
        }
        _ = try await Self.settle(sites)
        #expect(!FileManager.default.fileExists(atPath: store + ".detached-too-soon"))
        let detached = try String(contentsOfFile: store + ".detached", encoding: .utf8).split(separator: "\n")
        for site in sites {
          #expect(site.killed > 2, "\(site.host.name)")
          #expect(detached.contains { $0 == site.host.name }, "a release runs to its end")
        }
        try Self.loseStore(store)
        for site in sites { try await Self.waitUntilGone(site.host) }
      }
    }

    /// More than an adoption and a release have programs.
    private static let kills = 24

    // MARK: - Parts

    /// Waits until one node has come as far as it can, and nothing is on the other.
    private static func settle(_ sites: [KilledSite]) async throws -> KilledSite {
      try await value(within: .seconds(120), "the step `server` fails on one, and nothing is on the other") {
        var (owners, remains): ([KilledSite], [String]) = ([], [])
        for site in sites {
          let plan = try? await site.host.status().service("home")?.plan
          if plan?.problem?.contains("this kernel has no NFS server (nfsd)") == true {
            owners.append(site)
          } else {
            remains.append(try await Self.remains(site.host))
          }
        }
        return remains == [""] ? owners.first : nil
      }
    }

    private func withIsolatedService(
      statusMonitor: String? = nil, _ body: (TestHost, String) async throws -> Void
    ) async throws {
      try await withTestNetwork { network in
        let host = try await network.addHost("a")
        try await host.becomeServer()
        let store = network.sharedPath("lockferry")
        var isolated = NodeFile.Service(
          name: "home", home: "a", candidates: ["a"], names: ["nfs.demo.test"], address: "10.77.0.10/24")
        isolated.interface = "br0"
        isolated.isolatedExports = ["/srv *(ro,fsid=77)"]
        isolated.isolatedStatusMonitor = statusMonitor
        var shared = NodeFile.Service(
          name: "shared", home: "a", candidates: ["a"], names: ["other.demo.test"], address: "10.77.0.11/24")
        shared.interface = "br0"
        var file = NodeFile(
          node: "a", store: store, stateDirectory: host.disk + "/state", services: [isolated, shared])
        file.statd = "{when_not_mirrored: refuse}"
        try host.write(file)
        try await body(host, store)
      }
    }

    private static func start(_ host: TestHost) async throws -> HostProgram {
      try await host.start(
        [HostTestKit.builtProgram("lockferry"), "run", "--config", host.nodeFilePath],
        environment: ["PATH": try Isolated.path()])
    }

    /// The last thing that works without nfsd, and the reason that is told.
    private static func waitUntilServerFails(_ host: TestHost) async throws {
      try await eventually("the step `server` says that this kernel has no nfsd") {
        let plan = try? await host.status().service("home")?.plan
        return plan?.step == "server"
          && plan?.problem?.contains("this kernel has no NFS server (nfsd)") == true
      }
    }

    /// Asks the service's status monitor to watch a client, as lockd does when that takes its first lock; false where it
    /// refuses, or does not answer.
    private static func monitor(_ client: String, _ host: TestHost) async throws -> Bool {
      try await host.run(
        inside + [
          HostTestKit.builtProgram("nsm-peer"), "monitor", "--mon-name", client, "--my-name", "nfs",
        ]
      ).end.succeeded
    }

    private static func records(of service: String, in store: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: "\(store)/services/\(service)/sm")) ?? [])
        .sorted()
    }

    private static func port(of program: String, in table: String) -> Substring? {
      table.split(separator: "\n").first { $0.hasSuffix(" " + program) }?.split(separator: " ").dropLast()
        .last
    }

    /// Who runs in the service's network.
    private static func processes(_ host: TestHost) async throws -> [String] {
      try await host.run([
        "bash", "-c",
        """
        for p in $(ip netns pids lockferry-home); do echo "$(cat /proc/$p/comm) $p"; done | LC_ALL=C sort
        """,
      ]).orThrow().output.split(separator: "\n").map(String.init)
    }

    /// Whoever can't renew its lease gives up what it has.
    private static func loseStore(_ store: String) throws {
      try FileManager.default.moveItem(atPath: store, toPath: store + ".away")
    }

    private static func findStore(_ store: String) throws {
      try FileManager.default.moveItem(atPath: store + ".away", toPath: store)
    }

    private static func waitUntilGone(_ host: TestHost) async throws {
      do {
        try await eventually("nothing of the service is left on the host") {
          try await remains(host).isEmpty
        }
      } catch {
        throw HostTestError("\(error): \(try await remains(host))")
      }
    }

    /// What is left of it on the host.
    private static func remains(_ host: TestHost) async throws -> String {
      try await host.run([
        "bash", "-c",
        """
        ls /run/netns 2> /dev/null; ls -d /run/lockferry/isolated/*.mounts 2> /dev/null
        ip -o link show type veth | grep -v eth0; grep -c nsfs /proc/self/mountinfo | grep -v '^0$'
        [ "$(pgrep -cx rpcbind)" = 1 ] || echo "$(pgrep -cx rpcbind) rpcbind"
        [ "$(pgrep -cx -r R,S,D rpc.statd)" = 1 ] || echo "$(pgrep -cx rpc.statd) rpc.statd"
        pgrep -lx lockferry-statd
        true
        """,
      ]).orThrow().output
    }
  }
}

/// What this machine has of what an isolated service needs.
private enum Isolated {
  /// The folder of rpc.nfsd and its like, installed or unpacked.
  static var programs: String? {
    let unpacked = FileManager.default.currentDirectoryPath + "/.build/lab/guest-tools/usr/sbin"
    return ["/usr/sbin", unpacked].first { FileManager.default.isExecutableFile(atPath: $0 + "/rpc.nfsd") }
  }

  /// `PATH` of a daemon that finds them.
  static func path() throws -> String {
    try #require(programs) + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
  }

  static var hasKernelServer: Bool {
    let known = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)
    return known?.split { $0 == "\n" || $0 == "\t" }.contains("nfsd") == true
      || FileManager.default.fileExists(atPath: "/lib/modules")
  }
}

extension TestHost {
  /// Whatever an isolated service finds on a node. This kernel may have no macvlan: a bridge, as hosts of virtual machines
  /// have it. This machine may have no /etc/exports: a copy of /etc that has one, with what the host has mounted there.
  fileprivate func becomeServer() async throws {
    try await run([
      "bash", "-ec",
      """
      ip link add br0 type bridge; ip link set eth0 master br0; ip address flush dev eth0
      ip address add \(address)/24 dev br0; ip link set br0 up
      if [ ! -e /etc/exports ]; then
        cp -a /etc "\(disk)/etc"; : > "\(disk)/etc/exports"
        for file in hosts nsswitch.conf; do mount --bind "/etc/$file" "\(disk)/etc/$file"; done
        mount --rbind "\(disk)/etc" /etc
      fi
      """,
    ]).orThrow()
    try await startPortMapper()
    try await startStatusMonitor()
  }
}

/// A node whose daemon dies when it runs its n-th program.
private final class KilledSite {
  let host: TestHost
  private let programs: String
  private let counter: String
  private var daemon: HostProgram?
  private(set) var killed = 0

  init(_ name: String, in network: TestNetwork, store: String) async throws {
    host = try await network.addHost(name)
    try await host.becomeServer()
    (programs, counter) = (host.disk + "/programs", host.disk + "/left")
    try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
    for program in ["ip", "modprobe", "rpcbind", "rpc.statd"] {
      try write(
        program,
        """
        #!/bin/sh
        read -r left word 2> /dev/null < \(counter) && case "$*" in *"$word"*)
          left=$((left - 1)); echo $left $word > \(counter)
          if [ $left -le 0 ]; then rm \(counter); kill -9 $PPID; fi ;;
        esac
        PATH=${PATH#*:}
        exec \(program) "$@"
        """)
    }
    try write(
      "detach",
      """
      #!/bin/sh
      echo \(name) >> \(store).detached
      if [ -e /run/netns/lockferry-home ] || [ -e /run/lockferry/isolated/home.mounts ] \\
        || [ "$(pgrep -cx rpc.statd)" != 1 ]; then
        echo \(name) >> \(store).detached-too-soon
      fi
      """)
    var service = NodeFile.Service(
      name: "home", home: "a", candidates: ["a", "b"], names: ["nfs.demo.test"], address: "10.77.0.10/24")
    service.interface = "br0"
    service.isolatedExports = ["/srv *(ro,fsid=77)"]
    service.detachStorage = .program([programs + "/detach"])
    var file = NodeFile(node: name, store: store, stateDirectory: host.disk + "/state", services: [service])
    file.adoption = "{tries: 1, rest: 1s, flap: none}"
    try host.write(file)
  }

  var isRunning: Bool { daemon?.isRunning == true }

  /// Starts the daemon unless it runs, to die at its program number `number`.
  func start(killAt number: Int?) async throws {
    if isRunning {
      if number == nil { try? FileManager.default.removeItem(atPath: counter) }
      return
    }
    if daemon != nil { killed += 1 }
    try? FileManager.default.removeItem(atPath: counter)
    if let number { try arm(killAt: number) }
    daemon = try await host.start(
      [HostTestKit.builtProgram("lockferry"), "run", "--config", host.nodeFilePath],
      environment: ["PATH": programs + ":" + (try Isolated.path())])
  }

  /// - Parameter word: programs that have it among their arguments count alone.
  func arm(killAt number: Int, of word: String = "") throws {
    try "\(number) \(word)\n".write(toFile: counter, atomically: true, encoding: .utf8)
  }

  private func write(_ name: String, _ text: String) throws {
    let path = programs + "/" + name
    try (text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}
