import Glibc
import Testing

@testable import NodeHost

@Suite("What a service of its own sees (B3)")
struct IsolationTests {
  @Test("Storage of other services and the node's own /run do not stay mounted in it")
  func mounts() {
    let exports = ["/srv/home"]
    let needed = exports + ["/var/lib/lockferry/isolated/home", "/opt/nfs/sbin/rpc.nfsd", "/run/lockferry"]
    func stays(_ point: String) -> Bool { ServiceNamespace.stays(point, needed: needed, exports: exports) }
    for point in [
      "/", "/run", "/proc", "/dev/pts", "/usr", "/etc/hosts", "/var", "/var/lib/lockferry", "/opt/nfs",
      "/srv",
      "/srv/home",
      "/srv/home/below",
    ] {
      #expect(stays(point), "\(point)")
    }
    for point in [
      "/srv/other", "/srv/homely", "/mnt", "/run/netns/x", "/proc/fs/nfsd", "/var/lib/nfs",
    ] {
      #expect(!stays(point), "\(point)")
    }
  }

  private func server(gracePeriod: Duration, version4: ServiceVersion4?) -> ServiceServer {
    ServiceServer(
      namespace: ServiceNamespace(
        service: "home", stateDirectory: "/var/lib/lockferry", runDirectory: "/run/lockferry", parent: "eth0"),
      threads: 8, gracePeriod: gracePeriod, statusMonitor: .rpcStatd, version4: version4)
  }

  @Test(
    "B8 NFSv4 is spoken where its client records go with the service, with a lease as long as the grace period"
  )
  func version4() {
    let version4 = ServiceVersion4(clientRecords: "/srv/home/.nfs4", scope: "nfs.example.com")
    let short = server(gracePeriod: .seconds(50), version4: version4)
    #expect(
      short.threadArguments == [
        "--grace-time", "50", "--nfs-version", "3", "--lease-time", "50", "--nfs-version", "4", "8",
      ])
    #expect(short.recoveryDaemon.arguments.suffix(2) == ["-s", "/srv/home/.nfs4"])
    let without = server(gracePeriod: .seconds(50), version4: nil)
    #expect(
      without.threadArguments == [
        "--grace-time", "50", "--nfs-version", "3", "--no-nfs-version", "4", "8",
      ])
    #expect(without.recoveryDaemon.arguments.suffix(2) == ["-s", "/var/lib/nfs/nfsdcld"])
  }

  @Test("B8 NFSv4's client records must be on what the service exports", .enabled(if: isRoot))
  func clientRecords() throws {
    let storage = try TemporaryFolder()
    let path = storage.path + "/records"
    let version4 = ServiceVersion4(clientRecords: path, scope: "nfs")
    // Another file system than that of the folder.
    #expect { try version4.makeFolder(exports: ["/proc"]) } throws: { "\($0)".contains(path) }
    #expect(access(path, F_OK) != 0)
    for _ in 1...2 { try version4.makeFolder(exports: ["/proc", storage.path]) }
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode == S_IFDIR | 0o700)
  }

  @Test(
    "B8 a link that a client has put in the place of NFSv4's client records is not followed",
    .enabled(if: isRoot))
  func clientRecordsBehindALink() throws {
    let storage = try TemporaryFolder()
    try mustSucceed(mkdir(storage.path + "/other", 0o755), "other")
    try mustSucceed(symlink(storage.path + "/other", storage.path + "/records"), "link")
    let version4 = ServiceVersion4(clientRecords: storage.path + "/records", scope: "nfs")
    #expect(throws: NodeHostError.self) { try version4.makeFolder(exports: [storage.path]) }
    var status = stat()
    #expect(stat(storage.path + "/other", &status) == 0 && status.st_mode == S_IFDIR | 0o755)
  }

  @Test("A mount table is read as the kernel writes it")
  func mountTable() {
    let table = MountTable(
      parsing: """
        36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        37 35 0:4 mnt:[4026532] /run/with\\040space rw shared:3 - nsfs nsfs rw
        garbage

        """)
    #expect(
      table.entries == [
        .init(point: "/mnt2", type: "ext3", device: .init(major: 98, minor: 0)),
        .init(point: "/run/with space", type: "nsfs", device: .init(major: 0, minor: 4)),
      ])
    #expect(table.has("/mnt2") && !table.has("/mnt"))
  }

  @Test(
    "An inventory covers a service when its mounts are all that clients reach (B4)",
    arguments: [
      (["/srv/home"], ["/srv/home"]), (["/srv/home/a"], ["/srv/home"]), (["/srv/deep/a"], ["/srv/deep/a"]),
      (["/srv/deep"], ["/srv/deep", "/srv/deep/a"]), (["/srv/homely"], ["/"]),
      (["/srv/home", "/srv/deep/a/b"], ["/srv/deep/a", "/srv/home"]),
    ])
  func reach(paths: [String], points: [String]) {
    let table = MountTable(
      parsing: ["/", "/srv/home", "/srv/deep", "/srv/deep/a"].map { "1 1 8:1 / \($0) rw - ext4 /dev/x rw" }
        .joined(separator: "\n"))
    #expect(table.points(reachedBy: paths) == points)
  }

  @Test(
    "Paths are written for nfsd's files as they are read from the kernel's",
    arguments: ["/srv/home", "/a b\\c\té"])
  func escapes(path: String) {
    #expect(unescapedPath(escapedPath(path)) == path)
    #expect(!escapedPath(path).contains(" ") && !escapedPath(path).contains("\t"))
  }

  @Test("Exported paths are found in exports(5) as written by people")
  func exports() throws {
    let lines = try ExportLines(
      """
      # comment
      /srv/home  10.0.0.0/24(rw,fsid=77) \\
          10.0.1.0/24(ro)
      "/srv/with space" *(ro)
        /srv/octal\\040too *(ro)
      """)
    #expect(lines.paths == ["/srv/home", "/srv/with space", "/srv/octal too"])
    #expect(lines.text.hasSuffix("\n"))
  }

  @Test(
    "Exports that are none are refused", arguments: ["", "# nothing\n", "srv/home *(rw)", "\"srv\" *(rw)"])
  func noExports(text: String) {
    #expect(throws: NodeHostError.self) { try ExportLines(text) }
  }
}
