import Foundation
import HostTestKit
import Testing

/// NFS-Ganesha, as this machine's Debian has it.
enum Ganesha {
  /// Where it was unpacked, or `/` where it is installed; nil where it is neither.
  static let folder: String? = {
    let programs = (try? HostTestKit.builtProgram("nsm-peer")).map { URL(fileURLWithPath: $0) }
    let build = programs?.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return [build?.appendingPathComponent("ganesha").path, ""].compactMap(\.self).first {
      FileManager.default.isExecutableFile(atPath: $0 + "/usr/bin/ganesha.nfsd")
    }
  }()

  /// Starts it with one export in memory, and waits until its lock manager is registered.
  ///
  /// - Parameters:
  ///   - grace: the length of its grace periods in seconds, the first of which begins now; nil: it has none.
  ///   - isIncluded: what it is told stands in a file that its own one includes.
  @discardableResult
  static func start(
    on host: TestHost, grace: Int? = nil, isIncluded: Bool = false
  ) async throws -> HostProgram {
    let folder = try #require(folder)
    let libraries = try FileManager.default.contentsOfDirectory(atPath: folder + "/usr/lib")
      .map { "\(folder)/usr/lib/\($0)" }
    let plugins = try #require(
      libraries.map { $0 + "/ganesha" }.first {
        FileManager.default.fileExists(atPath: $0 + "/libfsalmem.so")
      })
    let configuration = """
      NFS_CORE_PARAM {
        Protocols = 3; Enable_NLM = true; Enable_RQUOTA = false;
        Plugins_Dir = "\(plugins)";
      }
      NFSV4 { \(grace.map { "Grace_Period = \($0); Lease_Lifetime = \(min($0, 60));" } ?? "Graceless = true;") }
      EXPORT {
        Export_Id = 77; Path = /mem; Pseudo = /mem; Access_Type = RW; Protocols = 3; Transports = TCP;
        SecType = none; Squash = No_Root_Squash; Anonymous_uid = 0; Anonymous_gid = 0;
        FSAL { Name = MEM; }
      }
      """
    for (file, text) in isIncluded
      ? [("included", configuration), ("ganesha", "%include \(host.disk)/included.conf\n")]
      : [("ganesha", configuration)]
    {
      try text.write(toFile: "\(host.disk)/\(file).conf", atomically: true, encoding: .utf8)
    }
    let script = """
      mkdir -p /var/lib/nfs/ganesha /run/ganesha
      export LD_LIBRARY_PATH=\((libraries + libraries.map { $0 + "/ganesha" }).joined(separator: ":"))
      exec '\(folder)/usr/bin/ganesha.nfsd' -F -L '\(host.disk)/ganesha.log' -f '\(host.disk)/ganesha.conf' -p /run/ganesha.pid
      """
    // One that finds its name taken, as by the last one whom the bus has not missed yet, goes on without the bus for good
    // (src/dbus/dbus_server.c, `gsh_dbus_pkginit`).
    try await eventually("nobody has Ganesha's name on the message bus") {
      let answer = try await host.run([
        "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
        "org.freedesktop.DBus.NameHasOwner", "string:org.ganesha.nfsd",
      ])
      return !answer.end.succeeded || answer.output.contains("boolean false")
    }
    let program = try await host.start(["bash", "-c", script], as: "ganesha")
    try await eventually("Ganesha answers") {
      let log = (try? String(contentsOfFile: host.disk + "/ganesha.log", encoding: .utf8)) ?? ""
      if let end = program.end { throw HostTestError("Ganesha: \(end): \(program.errors)\n\(log)") }
      return try await host.run(["rpcinfo", "-T", "tcp", "127.0.0.1", "nlockmgr"]).end.succeeded
    }
    return program
  }

  /// Starts a system message bus of the host's own, on which anybody may do anything.
  static func startMessageBus(on host: TestHost) async throws {
    let configuration = """
      <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
       "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig>
        <type>system</type>
        <listen>unix:path=/run/dbus/system_bus_socket</listen>
        <auth>EXTERNAL</auth>
        <policy context="default">
          <allow user="*"/>
          <allow own="*"/>
          <allow send_destination="*"/>
          <allow receive_sender="*"/>
          <allow receive_type="method_call"/>
          <allow receive_type="method_return"/>
          <allow receive_type="error"/>
          <allow receive_type="signal"/>
        </policy>
      </busconfig>
      """
    try configuration.write(toFile: host.disk + "/bus.conf", atomically: true, encoding: .utf8)
    let bus = try await host.start(
      [
        "bash", "-c", "mkdir -p /run/dbus && exec dbus-daemon --nofork --config-file='\(host.disk)/bus.conf'",
      ], as: "dbus-daemon")
    try await eventually("the message bus answers") {
      if let end = bus.end { throw HostTestError("dbus-daemon: \(end): \(bus.errors)") }
      return try await host.run([
        "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
        "org.freedesktop.DBus.GetId",
      ]).end.succeeded
    }
  }

  /// A call to its admin object, as an operator makes it; returns what dbus-send prints of the answer.
  static func call(_ method: String, _ arguments: String..., on host: TestHost) async throws -> String {
    try await host.run(
      [
        "dbus-send", "--system", "--print-reply", "--dest=org.ganesha.nfsd", "/org/ganesha/nfsd/admin",
        "org.ganesha.nfsd.admin.\(method)",
      ] + arguments
    ).orThrow().output
  }
}

extension TestHost {
  /// What the NFS server on `server` answers to this host, which asks for a lock on a file of `/mem`.
  func lock(at server: TestHost, file: String = "locked", reclaim: Bool = false) async throws -> String {
    try await lock(at: server.address, file: file, reclaim: reclaim)
  }

  /// The same, by the server's address.
  func lock(at server: String, file: String = "locked", reclaim: Bool = false) async throws -> String {
    let result = try await run(
      [
        HostTestKit.builtProgram("nsm-peer"), "lock", "--host", server, "--export", "/mem", "--file", file,
        "--my-name", name,
      ] + (reclaim ? ["--reclaim"] : [])
    ).orThrow()
    let answer = try JSONDecoder().decode([String: String].self, from: Data(result.output.utf8))
    return try #require(answer["result"])
  }
}
