import Testing

@testable import NodeHost

/// B9: dbus-send's words, as they were seen with NFS-Ganesha 4.3 and D-Bus 1.14.
@Suite("NFS-Ganesha's admin object (B9)")
struct GaneshaAdminTests {
  @Test func aReplyIsRead() throws {
    let text = """
      method return time=1795304711.206845 sender=:1.1 -> destination=:1.2 serial=4 reply_serial=2
         boolean true
         boolean false
         string "get grace success"
      """
    let reply = try #require(MessageBusReply(parsing: text))
    #expect(reply.sender == ":1.1")
    #expect(reply.values == [.boolean(true), .boolean(false), .string("get grace success")])
  }

  @Test(arguments: [
    "", "Error org.ganesha.nfsd.admin: grace", "method return time=1",
    "method return time=1 sender=:1.1 -> x\n   int32 5", "method return time=1 sender=:1.1 -> x\n   boolean",
    "method return time=1 sender=:1.1 -> x\n   boolean maybe",
    "method return time=1 sender=:1.1 -> x\n   string \"",
  ])
  func whatIsNoSuchReplyIsNoReply(text: String) {
    #expect(MessageBusReply(parsing: text) == nil)
  }

  @Test(
    "What is wrong is told with what to do",
    arguments: [
      (
        "Error org.freedesktop.DBus.Error.ServiceUnknown: The name org.ganesha.nfsd was not provided by any .service files",
        "systemctl start nfs-ganesha"
      ),
      (
        "Failed to open connection to \"system\" message bus: Failed to connect to socket /run/dbus/system_bus_socket: No such file or directory",
        "start dbus"
      ),
      ("Error org.freedesktop.DBus.Error.NoReply: Did not receive a reply.", "does not answer"),
      ("Error org.freedesktop.DBus.Error.AccessDenied: Rejected send message", "/etc/dbus-1/system.d"),
      (
        "Error org.ganesha.nfsd.admin: grace",
        "grace: exit status 1, saying: Error org.ganesha.nfsd.admin: grace"
      ),
    ])
  func failures(output: String, words: String) {
    let error = GaneshaAdmin.failure("grace", CommandOutcome(status: .exited(1), output: output + "\n"))
    #expect(error.message.contains(words), "\(error)")
  }

  @Test func theBusSaysWhichProcessItIs() {
    let text =
      "method return time=1.5 sender=org.freedesktop.DBus -> destination=:1.2 serial=3\n   uint32 4711\n"
    #expect(MessageBusReply(parsing: text)?.values == [.number(4711)])
    #expect(MessageBusReply(parsing: text)?.sender == "org.freedesktop.DBus")
  }

  @Test(
    "Its configuration is read for two words alone",
    arguments: [
      ("", 90, false), ("NFSv4 { Grace_Period = 60; }", 60, false),
      ("NFSV4{GRACE_PERIOD=180;Graceless=TRUE;}", 180, true),
      ("# Grace_Period = 5;\nNFSv4 {\n  Grace_Period = 30; # Graceless = true\n}", 30, false),
      ("NFSv4 { Graceless = no; Lease_Lifetime = 20; }", 90, false),
      ("NFSv4 { Grace_Period = soon; }", 90, false),
    ])
  func configuration(text: String, seconds: Int, isGraceless: Bool) throws {
    let configuration = try #require(GaneshaConfiguration(path: "/x", parsing: text))
    #expect(configuration.gracePeriod == .seconds(seconds) && configuration.isGraceless == isGraceless)
  }

  @Test(
    "What other files say is not guessed at",
    arguments: ["%include /etc/ganesha/more.conf", "  %dir conf.d\n", "x = 1;\n%url rados://a/b"])
  func includes(text: String) {
    #expect(GaneshaConfiguration(path: "/x", parsing: text + "\nNFSv4 { Grace_Period = 60; }") == nil)
  }
}
