import Glibc
import Testing

@testable import NodeHost

/// M7: what is found out before this machine's NFS server, or its lock manager, is restarted.
@Suite("What a restart of the NFS server depends on (M7)")
struct ServerTests {
  @Test("A mount by NFSv3 uses the lock manager, unless its locks are local; NFSv4 has its own")
  func users() {
    let table = MountTable(
      parsing: """
        28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
        40 28 0:40 / /mnt/three rw,relatime - nfs 10.0.0.1:/x rw,vers=3,rsize=65536,local_lock=none,addr=10.0.0.1
        41 28 0:41 / /mnt/with\\040blank rw shared:9 master:2 - nfs h:/y rw,vers=2,local_lock=flock
        42 28 0:42 / /mnt/local rw - nfs h:/z rw,vers=3,nolock,local_lock=all
        43 28 0:43 / /mnt/four rw - nfs4 h:/z rw,vers=4.2,local_lock=none
        44 28 0:44 / /vers=3 rw - tmpfs vers=3 rw,vers=3
        45 28 0:45 / /mnt/cut rw - nfs

        """)
    #expect(table.usersOfLockManager == ["/mnt/three", "/mnt/with blank"])
  }

  @Test("A signal that was not taken yet is pending for the thread or for its process")
  func pendingSignals() {
    let none =
      "Name:\tlockd\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000100\n"
    #expect(!LockManagerThread.isPending(SIGKILL, status: none))
    for key in ["SigPnd", "ShdPnd"] {
      let pending = none.replacing("\(key):\t0000000000000000", with: "\(key):\t0000000000000100")
      #expect(LockManagerThread.isPending(SIGKILL, status: pending))
      #expect(!LockManagerThread.isPending(SIGTERM, status: pending))
    }
  }

  @Test("A program that has ended is gone also where nobody has asked for its end yet")
  func ended() throws {
    #expect(!NFSService.hasEnded(getpid()))
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
    defer { free(arguments[0]) }
    try mustSucceed(posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil), "posix_spawn")
    try eventuallyHere("it has ended") { NFSService.hasEnded(child) }
    #expect(waitpid(child, nil, 0) == child)
    #expect(NFSService.hasEnded(child))
  }

  @Test("systemd runs the NFS service where it runs the machine and has the unit")
  func systemd() throws {
    let folder = try TemporaryFolder()
    let unit = "nfs-server.service"
    func make(_ path: String) throws {
      var whole = folder.path
      for part in path.split(separator: "/") {
        whole += "/" + part
        if access(whole, F_OK) != 0 { try mustSucceed(mkdir(whole, 0o700), whole) }
      }
    }
    try make("usr/lib/systemd/system")
    try writeFile(folder.path + "/usr/lib/systemd/system/" + unit, "[Unit]\n".utf8)
    #expect(!Systemd.knows(unit, root: folder.path))
    try make("run/systemd/system")
    #expect(Systemd.knows(unit, root: folder.path))
    #expect(!Systemd.knows("other.service", root: folder.path))
  }

  @Test(
    "An export that holds only while its disk is mounted is found among the others",
    arguments: ["mountpoint", "mp"])
  func conditionalExports(word: String) {
    let text = """
      # /srv/comment *(\(word))
      /srv/home *(rw,fsid=1,\(word)) 10.0.0.0/8(ro)
      /srv/plain *(rw,fsid=\(word)) # \(word)
      "/srv/with space" -\(word),rw a b
      /srv/deep/er *(rw,\(word)=/srv/deep)
      /srv/split *(rw,\\
         \(word))
      """
    let found = ConditionalExport.all(in: text)
    #expect(
      found == [
        .init(path: "/srv/home", mountPoint: "/srv/home"),
        .init(path: "/srv/with space", mountPoint: "/srv/with space"),
        .init(path: "/srv/deep/er", mountPoint: "/srv/deep"),
        .init(path: "/srv/split", mountPoint: "/srv/split"),
      ])
  }

  @Test("What exportfs says of a disk that is not here is no failure; all else that it says is")
  func exportComplaints() {
    let exports: [ConditionalExport] = ["/srv/home", "/srv/work"].map { .init(path: $0, mountPoint: $0) }
    func serious(_ said: String) -> [String] {
      ConditionalExport.serious(said, exports: exports, isMounted: { $0 == "/srv/home" })
    }
    #expect(
      serious(
        """
        exportfs: /srv/work does not support NFS export
        exportfs: Failed to stat /srv/work: No such file or directory
        """) == [])
    #expect(serious("exportfs: /srv/home does not support NFS export").count == 1)
    #expect(serious("exportfs: /srv/work2 does not support NFS export").count == 1)
    #expect(serious("exportfs: can't lock /var/lib/nfs/.etab.lock for writing").count == 1)
  }

  @Test("An exportfs that was killed, or of which only the end is known, has failed whatever it said")
  func killedExportfs() {
    let said = "exportfs: /srv/work does not support NFS export\n"
    func mayExplain(_ status: CommandOutcome.Status, _ output: String) -> Bool {
      ConditionalExport.mayExplain(CommandOutcome(status: status, output: output))
    }
    #expect(mayExplain(.exited(1), said))
    #expect(!mayExplain(.exited(1), ""))
    #expect(!mayExplain(.exited(2), said))
    #expect(!mayExplain(.signalled(SIGKILL), said))
    #expect(!mayExplain(.exited(1), String(repeating: said, count: 400)))
  }

  @Test("What a restart has stopped is known to the next daemon until it runs again")
  func interrupted() async throws {
    let folder = try TemporaryFolder()
    let interrupted = InterruptedRestart(runDirectory: folder.path)
    #expect(interrupted.part == nil)
    for part in [
      InterruptedRestart.Part.server, .statusMonitor(["/sbin/rpc.statd", "--no-notify", "-P", "/a b"]),
    ] {
      try interrupted.note(part)
      #expect(InterruptedRestart(runDirectory: folder.path).part == part)
      interrupted.forget()
      #expect(interrupted.part == nil)
    }
    for garbage in ["", "nfs and more", "statd\0"] {
      try writeFile(folder.path + "/restarting", garbage.utf8)
      #expect(interrupted.part == nil, "\(garbage)")
      #expect(try await interrupted.finish() == nil)
    }
  }

  @Test(
    "sm-notify ends the grace period unless nfs.conf says that it must not",
    arguments: [("", true), ("lift-grace=n", false), ("lift-grace = NO", false), ("lift-grace=y", true)])
  func liftGrace(line: String, lifts: Bool) throws {
    let folder = try TemporaryFolder()
    try mustSucceed(mkdir(folder.path + "/etc", 0o700), "etc")
    try writeFile(folder.path + "/etc/nfs.conf", "[sm-notify]\n\(line)\n".utf8)
    #expect(try SmNotifySettings.liftsGrace(root: folder.path) == lifts)
  }

  @Test("An isolated service is known by its network namespace")
  func isolatedServices() throws {
    let folder = try TemporaryFolder()
    for name in ["lockferry-work", "lockferry-home", "other"] {
      try writeFile(folder.path + "/" + name, "".utf8)
    }
    #expect(NetworkNamespaces.isolatedServices(below: folder.path) == ["home", "work"])
    #expect(NetworkNamespaces.isolatedServices(below: folder.path + "/nosuch").isEmpty)
  }
}
