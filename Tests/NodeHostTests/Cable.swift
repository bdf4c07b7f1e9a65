import Glibc
import Synchronization
import Testing

@testable import NodeHost

private let ipPrograms: [String] = ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"]
private let ipProgram = ipPrograms.first { access($0, X_OK) == 0 }

/// Root and iproute2; without them namespaces can't be made and these tests don't run.
let canMakeNamespaces = isRoot && ipProgram != nil

private let namespaceNumber = Atomic(0)

/// A server and a client, each a network namespace, joined by a cable.
struct Cable: Sendable {
  let server: String
  let client: String
  var serverPath: String { "/run/netns/" + server }
  var clientPath: String { "/run/netns/" + client }

  static func with(_ body: (Cable) async throws -> Void) async throws {
    let number = namespaceNumber.add(1, ordering: .relaxed).newValue
    let cable = Cable(server: "lf-t-\(getpid())-\(number)-s", client: "lf-t-\(getpid())-\(number)-c")
    func remove() async {
      for name in [cable.server, cable.client] {
        _ = await cable.ip(["netns", "delete", name])
      }
    }
    do {
      for name in [cable.server, cable.client] { try await cable.mustRun(["netns", "add", name]) }
      try await cable.mustRun([
        "link", "add", "lf0", "netns", cable.server, "type", "veth", "peer", "name", "lf0", "netns",
        cable.client,
      ])
      for (name, host) in [(cable.server, 1), (cable.client, 2)] {
        try await cable.mustRun(["-n", name, "link", "set", "lo", "up"])
        try await cable.mustRun(["-n", name, "link", "set", "lf0", "up"])
        try await cable.mustRun(["-n", name, "address", "add", "192.0.2.\(host)/24", "dev", "lf0"])
        try await cable.mustRun(["-n", name, "address", "add", "2001:db8::\(host)/64", "dev", "lf0", "nodad"])
      }
      try await body(cable)
    } catch {
      await remove()
      throw error
    }
    await remove()
  }

  func ip(_ arguments: [String]) async -> CommandOutcome {
    await HostCommand.run([ipProgram ?? "/sbin/ip"] + arguments, within: .seconds(60))
  }

  func mustRun(_ arguments: [String]) async throws {
    let outcome = await ip(arguments)
    try #require(outcome.succeeded, "ip \(arguments.joined(separator: " ")): \(outcome): \(outcome.output)")
  }

  func link(_ address: String, prefixLength: Int? = nil, interface: String = "lf0") throws
    -> ServiceAddressLink
  {
    try ServiceAddressLink(
      address: address, prefixLength: prefixLength ?? (address.contains(":") ? 64 : 24), interface: interface,
      networkNamespace: serverPath)
  }

  /// The same on the client's machine.
  func clientLink(_ address: String) throws -> ServiceAddressLink {
    try ServiceAddressLink(
      address: address, prefixLength: address.contains(":") ? 64 : 24, interface: "lf0",
      networkNamespace: clientPath)
  }

  func serverAddresses() async -> String {
    await ip(["-n", server, "-o", "address", "show", "dev", "lf0"]).output
  }

  func hardwareAddress(of namespace: String) async throws -> String {
    let words = await ip(["-n", namespace, "-o", "link", "show", "lf0"]).output.split(separator: " ")
    let index = try #require(words.firstIndex(of: "link/ether"))
    return String(words[index + 1])
  }
}
