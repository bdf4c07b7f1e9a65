import Foundation
import Glibc
import Logging
import Testing

@testable import Sidecar

@Suite("Who may open the control socket", .timeLimit(.minutes(30)))
struct ControlSocketTests {
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  private func failure(_ folder: String, group: String? = nil) async -> String {
    let endpoint = ControlEndpoint(
      runDirectory: folder, group: group, service: ScriptedDaemon(),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    let error = await #expect(throws: EndpointError.self) { try await endpoint.run() }
    return error?.message ?? ""
  }

  @Test func rootAloneWithoutAGroup() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      #expect(mode(folder + "/control.sock") == 0o600)
      #expect(mode(folder + "/.new") == nil)
    }
  }

  @Test(.enabled(if: geteuid() == 0)) func rootAndTheGroup() async throws {
    try await withControlEndpoint(ScriptedDaemon(), group: "daemon") { folder in
      let path = folder + "/control.sock"
      var status = stat()
      #expect(lstat(path, &status) == 0)
      #expect(status.st_mode & 0o7777 == 0o660)
      #expect(status.st_uid == 0)
      #expect(status.st_gid == getgrnam("daemon").pointee.gr_gid)
    }
  }

  @Test func itIsBoundWhereNobodyElseMayEnter() async throws {
    try await withFolder { folder in
      let socket = ControlSocket(runDirectory: folder + "/run")
      try socket.prepare()
      #expect(mode(folder + "/run") == 0o755)
      #expect(mode(folder + "/run/.new") == 0o700)
      #expect(socket.privatePath.hasPrefix(folder + "/run/.new/"))
      #expect(ControlSocket.probe(path: socket.path) == .absent)
      socket.remove()
      #expect(mode(folder + "/run/.new") == nil)
    }
  }

  @Test func aDeadDaemonsSocketIsReplaced() async throws {
    try await withFolder { folder in
      let path = folder + "/control.sock"
      close(bindSocket(path))
      #expect(ControlSocket.probe(path: path) == .nobodyListens)
      // And what a daemon leaves that is killed before the rename.
      #expect(mkdir(folder + "/.new", 0o700) == 0)
      close(bindSocket(folder + "/.new/sock"))
      let socket = ControlSocket(runDirectory: folder)
      try socket.prepare()
      let descriptor = bindSocket(socket.privatePath)
      defer { close(descriptor) }
      try socket.publish(groupID: nil)
      #expect(ControlSocket.probe(path: path) == .listening)
      socket.remove()
      #expect(mode(path) == nil)
    }
  }

  @Test func aLivingDaemonsSocketIsNot() async throws {
    try await withControlEndpoint(ScriptedDaemon()) { folder in
      #expect(await failure(folder).contains("another daemon listens on \(folder)/control.sock"))
      #expect(ControlSocket.probe(path: folder + "/control.sock") == .listening)
    }
  }

  @Test func whatWouldLetOthersInIsRefused() async throws {
    try await withFolder { folder in
      #expect(await failure(folder, group: "no-such-group").contains("groupadd --system no-such-group"))
      #expect(FileManager.default.createFile(atPath: folder + "/control.sock", contents: nil))
      #expect(await failure(folder).contains("is not a socket"))
      #expect(unlink(folder + "/control.sock") == 0)
      #expect(chmod(folder, 0o777) == 0)
      #expect(await failure(folder).contains("others may write to \(folder)"))
      #expect(await failure(folder + "/none/deeper").contains("No such file or directory"))
    }
  }

  @Test func anotherDaemonsSocketIsNotRemoved() async throws {
    try await withFolder { folder in
      let socket = ControlSocket(runDirectory: folder)
      try socket.prepare()
      close(bindSocket(socket.privatePath))
      try socket.publish(groupID: nil)
      #expect(unlink(socket.path) == 0)
      let other = bindSocket(socket.path)
      defer { close(other) }
      socket.remove()
      #expect(ControlSocket.probe(path: socket.path) == .listening)
    }
  }
}
