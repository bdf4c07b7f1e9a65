import Glibc
import Testing

@testable import NodeHost

@Suite("Facts of the machine")
struct MachineTests {
  @Test("The boot clock goes forward")
  func bootClock() throws {
    let before = BootClock.now
    usleep(1000)
    #expect(BootClock.now >= before + .milliseconds(1))
  }

  @Test("Durations become whole nanoseconds and poll's milliseconds without overflow")
  func durations() {
    #expect(Duration.milliseconds(1500).wholeNanoseconds == 1_500_000_000)
    #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    #expect(Duration.seconds(-1).pollMilliseconds == 0)
    #expect(Duration.nanoseconds(1).pollMilliseconds == 1)
    #expect(Duration.seconds(1_000_000).pollMilliseconds == 60_000)
  }

  @Test("The boot's identity is a UUID")
  func bootIdentity() throws {
    let identity = try BootIdentity.read()
    #expect(identity.utf8.count == 36)
    #expect(identity.split(separator: "-").map(\.utf8.count) == [8, 4, 4, 4, 12])
  }

  @Test("A kernel has a module that is built in or could be loaded, whatever it is packed with")
  func modules() throws {
    let folder = try TemporaryFolder()
    #expect(KernelModules.has("nfsd", in: folder.path) == nil, "nothing tells")
    try writeFile(folder.path + "/modules.builtin", "kernel/fs/ext4/ext4.ko\n".utf8)
    try writeFile(
      folder.path + "/modules.dep",
      "kernel/fs/nfs/nfsv3.ko.xz: kernel/net/sunrpc/sunrpc.ko.xz\nkernel/fs/lockd/lockd.ko:\n".utf8)
    for name in ["ext4", "nfsv3", "sunrpc", "lockd"] {
      #expect(KernelModules.has(name, in: folder.path) == true, "\(name)")
    }
    for name in ["nfsd", "nfs", "v3"] {
      #expect(KernelModules.has(name, in: folder.path) == false, "\(name)")
    }
  }

  @Test("The kernel's own form of its files is understood: lockd's ends with a line feed and a NUL")
  func serverFacts() throws {
    let folder = try TemporaryFolder()
    for name in ["/nfsd", "/lockd"] { try mustSucceed(mkdir(folder.path + name, 0o700), name) }
    #expect(NFSServerFacts.read(proc: folder.path) == NFSServerFacts(threads: nil, graceEnded: nil))
    try writeFile(folder.path + "/nfsd/threads", "8\n".utf8)
    try writeFile(folder.path + "/lockd/nlm_end_grace", [UInt8(ascii: "N"), 10, 0])
    let running = NFSServerFacts.read(proc: folder.path)
    #expect(running == NFSServerFacts(threads: 8, graceEnded: false))
    #expect(running.hasKernelServer && running.isServing)
    try writeFile(folder.path + "/nfsd/threads", "0\n".utf8)
    try writeFile(folder.path + "/lockd/nlm_end_grace", [UInt8(ascii: "Y"), 10, 0])
    let stopped = NFSServerFacts.read(proc: folder.path)
    #expect(stopped == NFSServerFacts(threads: 0, graceEnded: true))
    #expect(stopped.hasKernelServer && !stopped.isServing)
    try writeFile(folder.path + "/nfsd/threads", "many\n".utf8)
    #expect(NFSServerFacts.read(proc: folder.path).threads == nil)
  }

  @Test("This machine's facts can be read whether it has a kernel server or not")
  func realServerFacts() {
    #expect(NFSServerFacts.read().hasKernelServer == (access("/proc/fs/nfsd/threads", F_OK) == 0))
  }

  @Test(
    "systemd's socket gets the message; a path that nobody listens on is no error", arguments: [false, true])
  func notification(isAbstract: Bool) throws {
    let folder = try TemporaryFolder()
    let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(socket >= 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = isAbstract ? "@lf-t-\(getpid())-notify" : folder.path + "/notify"
    #expect(!ServiceNotification.send("READY=1", to: path))
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      room.copyBytes(from: path.utf8)
      if isAbstract { room[0] = 0 }
    }
    let length = socklen_t(2 + path.utf8.count + (isAbstract ? 0 : 1))
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) }
    }
    try mustSucceed(bound, path)
    #expect(ServiceNotification.send("READY=1\nSTATUS=two services", to: path))
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1\nSTATUS=two services")
    #expect(!ServiceNotification.send("READY=1", to: "relative"))
  }
}
