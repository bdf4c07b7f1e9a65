import Glibc
import Testing

@testable import NodeHost

@Suite("Where systemd runs the machine")
struct SystemdTests {
  @Test(
    "A process belongs to a unit by its control group",
    arguments: [
      ("0::/system.slice/rpc-statd.service\n", true),
      ("9:name=systemd:/system.slice/rpc-statd.service\n8:pids:/system.slice\n0::/init.scope\n", true),
      ("0::/system.slice/rpc-statd.service/below\n", true),
      ("0::/system.slice/rpc-statd.service.d\n", false), ("0::/\n", false), ("", false),
      ("1:name=rpc-statd.service:/user.slice\n", false),
    ])
  func membership(text: String, isOfUnit: Bool) throws {
    let folder = try TemporaryFolder()
    try mustSucceed(mkdir(folder.path + "/7", 0o700), "7")
    try writeFile(folder.path + "/7/cgroup", text.utf8)
    #expect(Systemd.runs(7, as: "rpc-statd.service", proc: folder.path) == isOfUnit)
    #expect(!Systemd.runs(8, as: "rpc-statd.service", proc: folder.path))
  }

  /// B3: systemd is asked in the node's own mounts, and the program runs in the service's.
  @Test("A program of an isolated service gets a unit of its own, and then enters the service's namespaces")
  func scope() {
    let namespace = ServiceNamespace(
      service: "home", stateDirectory: "/var/lib/lockferry", runDirectory: "/run/lockferry", parent: "eth0")
    let programs = ProgramScope.Programs(
      setpriv: "/bin/setpriv", run: "/bin/systemd-run", nsenter: "/bin/nsenter")
    let statd = ["/sbin/rpc.statd", "--no-notify"]
    let unit = "lockferry-home-rpc.statd-17.scope"
    let inside = ProgramScope(for: statd, unit: unit, description: "words", in: namespace, by: programs)
    #expect(
      inside.command == [
        "/bin/setpriv", "--pdeathsig", "KILL", "/bin/systemd-run", "--scope", "--quiet", "--collect",
        "--unit=" + unit, "--description=words", "--property=Before=lockferry.service", "--", "/bin/nsenter",
        "--net=/run/netns/lockferry-home", "--mount=/run/lockferry/isolated/home.mounts", "--",
        "/sbin/rpc.statd", "--no-notify",
      ])
    let outside = ProgramScope(for: statd, unit: unit, description: "words", in: nil, by: programs)
    #expect(outside.command == Array(inside.command[..<11]) + statd)
  }

  @Test("Where systemd does not start a program in time, the words say whom to look at")
  func systemdThatHangs() async {
    let slow = ProgramScope(unit: "lockferry-home-rpcbind-1.scope", command: ["/bin/sleep", "30"])
    let outcome = await slow.start(within: .milliseconds(100))
    #expect(outcome.status == .timedOut)
    #expect(outcome.output.contains("lockferry-home-rpcbind-1.scope: does systemd answer?"))
  }
}
