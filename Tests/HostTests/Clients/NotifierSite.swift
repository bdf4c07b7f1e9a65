import Foundation
import HostTestKit
import Testing

/// A server with a crowd of clients that hold locks of it, and `lockferry notify` on it.
struct NotifierSite {
  let server: TestHost
  let isIPv6: Bool

  static let name = "nfs.demo.test"

  /// The server's own address, and every name under which `lockferry notify --name` tells.
  var address: String { isIPv6 ? "fd77::10" : "10.77.0.10" }
  var names: [String] { [Self.name, "nfs", address] }

  init(in network: TestNetwork, isIPv6: Bool = false) async throws {
    self.isIPv6 = isIPv6
    try network.name(isIPv6 ? "fd77::10" : "10.77.0.10", Self.name, "nfs")
    server = try await network.addHost("server")
    try await server.add(address: address)
  }

  /// What the notifier said, and how it ended.
  struct Told {
    let end: ProgramEnd
    let answer: NotifyAnswer
    var names: Set<String> { Set(answer.clients.filter(\.told).map(\.client)) }
  }

  /// Starts `lockferry notify` on a status directory.
  func start(
    _ folder: String, for limit: String = "120s", _ options: [String] = [], running command: [String] = []
  ) async throws -> HostProgram {
    try await server.start(
      command + [
        HostTestKit.builtProgram("lockferry"), "notify", "--state-dir", folder, "--from", address, "--name",
        Self.name, "--for", limit, "-o", "json",
      ] + options)
  }

  /// Waits for its end.
  func end(of notifier: HostProgram, within limit: Duration = .seconds(150)) async throws -> Told {
    let end = try await notifier.waitForEnd(within: limit)
    guard let answer = try? JSONDecoder().decode(NotifyAnswer.self, from: Data(notifier.output.utf8)) else {
      throw HostTestError("lockferry notify: \(end): \(notifier.errors)\(notifier.output)")
    }
    return Told(end: end, answer: answer)
  }

  /// Waits until the records of so many are left, and checks that they are those who can't be told. Ends both.
  func stop(
    _ notifier: HostProgram, _ crowd: HostCrowd, in folder: String, whenLeft count: Int,
    within limit: Duration = .seconds(90)
  ) async throws -> CrowdAnswer {
    try await eventually(within: limit, "all but \(count) are off the list") {
      if let end = notifier.end { throw HostTestError("\(notifier.name): \(end): \(notifier.errors)") }
      return isRetired(folder) && untold(in: folder).count == count
    }
    try await notifier.kill()
    let heard = try await crowd.stop()
    let really = Set(heard.clients.filter(\.told).map(\.address))
    #expect(really.isDisjoint(with: untold(in: folder)), "were told and are not counted")
    #expect(really.count + count == heard.clients.count, "counted as told and were not")
    #expect(Set(heard.summary.sources.map(\.address)) == [address])
    #expect(heard.summary.states.map(\.value) == ["73"])
    return heard
  }

  /// Every record has left the folder in which clients put theirs when they come back.
  func isRetired(_ folder: String) -> Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: folder + "/sm"))?.isEmpty == true
  }

  /// What is left in the folder of those who are to be told.
  func untold(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/sm.bak")) ?? []).sorted()
  }
}

extension TestHost {
  /// Makes the host ask a resolver for names that its `/etc/hosts` does not have.
  func ask(resolver: String) async throws {
    let (switchFile, resolverFile) = ("\(disk)/nsswitch.conf", "\(disk)/resolv.conf")
    try Data("hosts: files dns\n".utf8).write(to: URL(fileURLWithPath: switchFile))
    try Data("nameserver \(resolver)\noptions timeout:30 attempts:1\n".utf8)
      .write(to: URL(fileURLWithPath: resolverFile))
    try await run(["mount", "--bind", switchFile, "/etc/nsswitch.conf"]).orThrow()
    try await run(["mount", "--bind", resolverFile, "/etc/resolv.conf"]).orThrow()
  }

  /// Gives the host a further address of its network.
  func add(address: String) async throws {
    let isIPv6 = address.contains(":")
    // Nobody else has the address: without "nodad" it couldn't be used for a second.
    try await run(
      ["ip", "address", "add", isIPv6 ? "\(address)/64" : "\(address)/24", "dev", "eth0"]
        + (isIPv6 ? ["nodad"] : [])
    ).orThrow()
  }
}

/// What holds of every notification, whatever is wrong with the clients: nobody counts as told who was not, whoever
/// could be told was, by every name, from the server's address and under one number.
func expectFair(_ told: NotifierSite.Told, _ heard: CrowdAnswer, _ site: NotifierSite) {
  let really = Set(heard.clients.filter(\.told).map(\.address))
  let tellable = Set(heard.clients.filter(\.tellable).map(\.address))
  #expect(told.names.subtracting(really).isEmpty, "counted as told and were not")
  #expect(tellable.subtracting(really).isEmpty, "could be told and were not")
  #expect(tellable.subtracting(told.names).isEmpty, "were told and are not counted")
  #expect(told.answer.all == heard.summary.clients)
  #expect(told.answer.told == told.names.count)
  #expect(told.end == (told.names.count == heard.summary.clients ? .exited(0) : .exited(1)))
  #expect(Set(told.answer.names) == Set(site.names))
  #expect(heard.summary.states.map(\.value) == ["\(told.answer.stateNumber)"])
  #expect(Set(heard.summary.sources.map(\.address)) == [site.address])
  for client in heard.clients where client.told {
    #expect(Set(client.notifications.map(\.name)) == Set(site.names))
  }
}
