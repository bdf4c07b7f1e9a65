import Glibc
import StatusMonitor
import Testing

@testable import NodeHost

private let smNotifyPrograms: [String] = ["/usr/sbin/sm-notify", "/sbin/sm-notify"]
private let smNotify = smNotifyPrograms.first { access($0, X_OK) == 0 }

// Needs root, and sm-notify (nfs-common on Debian, nfs-utils on Red Hat).
@Suite("A private status directory and the real sm-notify (M7)", .enabled(if: isRoot && smNotify != nil))
struct SmNotifyTests {
  @Test("sm-notify works off a private directory as the owner of sm/, and keeps the state number given to it")
  func privateDirectory() async throws {
    let folder = try TemporaryFolder()
    let live = try folder.statusDirectory()
    try mustSucceed(chmod(folder.path, 0o711), "chmod")
    for path in [live.records, live.retired] { try mustSucceed(chown(path, 12_345, 23_456), "chown") }
    let own = try StatusDirectory.makePrivate(at: folder.path + "/private", like: live)
    let number = try #require(StateNumber(41))
    try own.raiseState(to: number)
    let name = try client("127.0.0.1")
    let record = "0100007f 000186b5 00000003 00000010 \(String(repeating: "0", count: 32)) 127.0.0.1 server\n"
    try own.install(Array(record.utf8), as: name)

    // In a network namespace of its own, where nobody answers: it retires the record and goes on trying.
    let namespace = "lf-t-\(getpid())-notify"
    let ip = try #require(access("/sbin/ip", X_OK) == 0 ? "/sbin/ip" : "/usr/sbin/ip")
    func mustRun(_ arguments: [String]) async throws {
      let outcome = await HostCommand.run([ip] + arguments, within: .seconds(60))
      try #require(outcome.succeeded, "\(outcome.output)")
    }
    try await mustRun(["netns", "add", namespace])
    do {
      try await mustRun(["-n", namespace, "link", "set", "lo", "up"])
      let command = try await LongRunningCommand.start(
        [smNotify ?? "", "-d", "-f", "-n", "-m", "1", "-P", own.path],
        networkNamespace: "/run/netns/" + namespace)
      try await eventually("the record is retired") {
        try own.clients(in: .retired) == [name] && own.clients(in: .records).isEmpty
      }
      try await eventually("sm-notify has given up root") { user(of: command.pid) == 12_345 }
      command.terminate()
      #expect(await command.wait().status == .signalled(SIGTERM))
      #expect(try own.stateNumber() == .number(number))
      #expect(try own.scan().retired == [name])
    } catch {
      try await mustRun(["netns", "delete", namespace])
      throw error
    }
    try await mustRun(["netns", "delete", namespace])
  }

  private func user(of pid: Int32) -> uid_t? {
    guard let bytes = try? contentsOfFile("/proc/\(pid)/status") else { return nil }
    let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Uid:") }
    return line?.split(separator: "\t").dropFirst().first.flatMap { uid_t($0) }
  }
}
