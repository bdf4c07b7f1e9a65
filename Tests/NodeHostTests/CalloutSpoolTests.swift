import CalloutProtocol
import Glibc
import Testing

@testable import NodeHost

@Suite("The callouts' spool, which a stranger may have written (M2)")
struct CalloutSpoolTests {
  private let folder: TemporaryFolder
  private let spool: CalloutSpool

  init() throws {
    folder = try TemporaryFolder()
    let places = CalloutPlaces(runDirectory: folder.path)
    guard mkdir(places.folder, 0o755) == 0, mkdir(places.spool, 0o700) == 0 else {
      throw NodeHostError(errno, places.spool)
    }
    spool = CalloutSpool(places)
  }

  private func put(_ name: String, _ bytes: [UInt8]) throws {
    try DurableFile.write(bytes, to: spool.path + "/" + name)
  }

  private func added(_ name: String) throws -> CalloutRequest {
    .addClient(try .init(monName: Array(name.utf8), myName: Array("nfs".utf8)))
  }

  private var names: [String] {
    get throws { try OpenDirectory(spool.path).names().map { String(decoding: $0, as: UTF8.self) }.sorted() }
  }

  @Test func whatIsTakenIsGone() throws {
    #expect(spool.isEmpty)
    for client in ["c1", "c2"] { try put("client-\(client)", added(client).bytes) }
    #expect(!spool.isEmpty)
    let content = try spool.take()
    #expect(content.worthless == 0)
    #expect(Set(content.requests.map(\.bytes)) == Set([try added("c1").bytes, try added("c2").bytes]))
    #expect(spool.isEmpty)
    #expect(try spool.take() == CalloutSpool.Content())
  }

  @Test func aSpoolThatIsNotThereIsEmpty() throws {
    let none = CalloutSpool(CalloutPlaces(runDirectory: folder.path + "/none"))
    #expect(none.isEmpty)
    #expect(try none.take() == CalloutSpool.Content())
  }

  /// Statd's user may have been taken over from the network.
  @Test(.timeLimit(.minutes(30))) func whatIsNoRequestIsThrownAway() throws {
    try put("client-1", Array("nonsense".utf8))
    try put("client-2", added("c2").bytes + [0])
    try put("client-3", [UInt8](repeating: 7, count: 1 << 20))
    let secret = folder.path + "/secret"
    try DurableFile.write(added("secret").bytes, to: secret)
    #expect(symlink(secret, spool.path + "/client-4") == 0)
    #expect(mkfifo(spool.path + "/client-5", 0o600) == 0)
    try put("client-6", added("c6").bytes)
    let content = try spool.take()
    #expect(content.requests == [try added("c6")])
    #expect(content.worthless == 5)
    #expect(try names == [])
    #expect(access(secret, F_OK) == 0)
  }

  /// A callout is writing it at this moment.
  @Test func aFileThatIsStillBeingWrittenIsLeftAlone() throws {
    try put(".client-1-4711", [1])
    #expect(spool.isEmpty)
    #expect(try spool.take() == CalloutSpool.Content())
    #expect(try names == [".client-1-4711"])
  }
}

@Suite("rpc.statd's command line") struct StatusMonitorProcessTests {
  @Test(
    arguments: [
      (["-H", "/a"], "/a"), (["-H/a"], "/a"), (["--ha-callout", "/a"], "/a"), (["--ha-callout=/a"], "/a"),
      (["--no-notify", "-F", "-H", "/a", "-p", "1"], "/a"), (["--no-notify"], nil), (["-H"], nil),
    ] as [([String], String?)])
  func theCalloutIsFoundAsGetoptFindsIt(arguments: [String], callout: String?) {
    #expect(StatusMonitorProcess.value(of: ["-H", "--ha-callout"], in: arguments) == callout)
  }

  @Test("lockferry statd is a status monitor, lockferry's other verbs are none")
  func ours() {
    #expect(StatusMonitorProcess.isLockferry(["/usr/sbin/rpc.statd", "-H", "/x"]) == false)
    #expect(StatusMonitorProcess.isLockferry(["/usr/local/sbin/lockferry", "statd"]) == true)
    for other in [["lockferry", "run"], ["lockferry"], ["statd"], []] {
      #expect(StatusMonitorProcess.isLockferry(other) == nil)
    }
    let options = ["--log-level", "debug", "--config=/etc/node.yaml"]
    #expect(StatusMonitorProcess.value(of: ["--config"], in: options) == "/etc/node.yaml")
  }

  @Test func theCalloutOfNfsConfIsFound() throws {
    let folder = try TemporaryFolder()
    let conf = folder.path + "/nfs.conf"
    try DurableFile.write(Array("[statd]\n ha-callout = \"/usr/sbin/x\"\n".utf8), to: conf)
    #expect(try StatusMonitorProcess.configuredCallout(nfsConf: conf) == "/usr/sbin/x")
    try DurableFile.write(Array("[mountd]\nha-callout=/y\n".utf8), to: conf)
    #expect(try StatusMonitorProcess.configuredCallout(nfsConf: conf) == nil)
  }
}
