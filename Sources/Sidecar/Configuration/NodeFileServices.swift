internal import Cluster

/// Reading of `services:`.
enum NodeFileServices {
  private static let keys = [
    "name", "home", "candidates", "names", "address", "interface", "fence", "storage", "recovery",
    "failback", "election", "priority",
  ]

  /// Every service that could be read; what can't is reported.
  static func read(_ value: NodeFileValue) -> [ServiceConfiguration] {
    guard let elements = value.list(of: "services") else { return [] }
    var services: [ServiceConfiguration] = []
    var names: Claims<String> = Claims()
    var hosts: Claims<String> = Claims()
    var addresses: Claims<String> = Claims()
    for element in elements {
      guard let section = element.section(known: keys) else { continue }
      let claims = claims(section)
      if let name = claims.name?.name {
        names.claim(name, by: name, at: claims.name?.value) { _ in "two services have the name `\(name)`" }
      }
      for (host, value) in claims.hosts {
        hosts.claim(host.lowercased(), by: section.path, at: value) { other in
          "the host name `\(host)` belongs to \(other) already: whose records they are could not be told"
        }
      }
      for (address, value) in claims.addresses {
        addresses.claim(address, by: section.path, at: value) { other in
          other == section.path
            ? "the address \(address) stands here twice"
            : "the address \(address) belongs to \(other) already: two services would move one address"
        }
      }
      if let service = service(section, claims) { services.append(service) }
    }
    return services
  }

  /// What only one service may have.
  private struct ServiceClaims {
    var name: (name: String, value: NodeFileValue)?
    var hosts: [(String, NodeFileValue)] = []
    var addresses: [(String, NodeFileValue)] = []
    var addressConfiguration: ServiceAddressConfiguration?
    var isAddressWrong = false
  }

  private struct Claims<Value: Hashable> {
    private var owners: [Value: String] = [:]

    mutating func claim(
      _ value: Value, by owner: String, at place: NodeFileValue?, message: (String) -> String
    ) {
      if let other = owners[value] {
        place?.report(message(other))
      } else {
        owners[value] = owner
      }
    }
  }

  private static func claims(_ section: NodeFileSection) -> ServiceClaims {
    var claims = ServiceClaims()
    let name = section.required("name", "what commands and the store call the service")
    if let name, let text = name.serviceName()?.text { claims.name = (text, name) }
    let names = section.required(
      "names", "the host names under which clients mount it, the first for notifications")
    if let names, let elements = names.list(of: "host names") {
      if elements.isEmpty { names.report("is empty: clients mount the service under at least one name") }
      claims.hosts = elements.compactMap { element in element.hostName().map { ($0, element) } }
    }
    if let value = section.optional("address") {
      claims.addressConfiguration = NodeFileAddresses.service(value, section)
      claims.isAddressWrong = claims.addressConfiguration == nil
      let places = value.isList ? value.list(of: "addresses") ?? [] : [value]
      claims.addresses = zip(claims.addressConfiguration?.addresses ?? [], places).map { ($0, $1) }
    } else if section.has("interface") {
      section.optional("interface")?.report("an interface without `address`: nothing would be put on it")
    }
    return claims
  }

  private static func service(_ section: NodeFileSection, _ claims: ServiceClaims) -> ServiceConfiguration? {
    let home = section.required("home", "the node that serves it when all is well")
    let homeName = home?.nodeName()
    let candidates = section.required("candidates", "the nodes that may serve it, best first").flatMap(
      candidates)
    if let home, let homeName, let candidates, !candidates.contains(homeName) {
      let known = candidates.map(\.text).joined(separator: ", ")
      home.report(
        "`\(homeName)` is not among the candidates (\(known)): the home node serves it, so it is one")
    }
    let fence = section.required(
      "fence", "write down how the old owner is stopped, {command: [...]}, or `none` if nothing does")
    let storage = section.optional("storage")?.section(known: ["attach", "detach", "check", "mounts"])
    let recovery = section.optional("recovery")?.section(known: [
      "server", "without_grace", "own_clients", "withdraw", "check", "notify",
    ])
    let fenceConfiguration = fence.flatMap(NodeFileCommands.fence)
    let attach = storage?.optional("attach").flatMap(NodeFileCommands.command)
    let detach = storage?.optional("detach").flatMap(NodeFileCommands.command)
    let storageCheck = storage?.optional("check").flatMap(NodeFileCommands.command)
    let mounts = storage?.optional("mounts").map(mounts) ?? []
    let recoveryCheck = recovery?.optional("check").flatMap(NodeFileCommands.command)
    let server = server(recovery, claims)
    if case .isolated(let isolation) = server, let recovery {
      NodeFileIsolation.check(isolation, recovery, claims.addressConfiguration, mounts: mounts ?? [])
    }
    let withdraw = recovery?.optional("withdraw").flatMap(NodeFileCommands.command)
    let tellsWithoutGrace =
      recovery?.optional("without_grace").map { value -> Bool? in
        if server != nil {
          let words =
            recovery?.optional("server") == nil ? "`server: isolated`, which is the default" : "`server`"
          value.report("has no meaning beside \(words), which begins a grace period")
        }
        return value.word(["refuse", "tell"], "refuse or tell").map { $0 == "tell" }
      } ?? false
    let tellsOwnClients =
      recovery?.optional("own_clients").map {
        $0.word(["tell", "leave"], "tell or leave").map { $0 == "tell" }
      }
      ?? true
    let notify =
      recovery?.optional("notify").map(NodeFileNotification.read) ?? NodeFileNotification.preset
    let failback = section.optional("failback").map(NodeFileFailback.read) ?? .manual
    let election =
      section.optional("election").map {
        $0.word(Election.allCases.map(\.rawValue), "race or vote").flatMap(Election.init)
      } ?? .race
    let priority = section.optional("priority").map { $0.integer(Bid.priorities) } ?? Bid.usualPriority
    guard let name = claims.name.flatMap({ ServiceName($0.name) }), let homeName, let candidates,
      let fenceConfiguration, let tellsWithoutGrace, let tellsOwnClients, let notify, let failback,
      let election, let priority,
      let mounts,
      !claims.isAddressWrong
    else { return nil }
    return ServiceConfiguration(
      name: name, home: homeName, candidates: candidates, names: claims.hosts.map(\.0),
      address: claims.addressConfiguration, fence: fenceConfiguration, attachStorage: attach,
      detachStorage: detach, storageMounts: mounts, storageCheck: storageCheck, serverRecovery: server,
      tellsWithoutGrace: tellsWithoutGrace,
      serverWithdrawal: withdraw, tellsOwnClients: tellsOwnClients, recoveryCheck: recoveryCheck,
      notification: notify, failback: failback, election: election, priority: priority)
  }

  /// What is written, or what is best where nothing is.
  private static func server(_ recovery: NodeFileSection?, _ claims: ServiceClaims) -> ServerRecovery? {
    let name = claims.name?.name ?? "SERVICE"
    guard let written = recovery?.optional("server") else {
      return NodeFileRecovery.preset(of: name, at: claims.addressConfiguration)
    }
    return NodeFileRecovery.server(written, of: name)
  }

  private static func mounts(_ value: NodeFileValue) -> [String]? {
    guard let elements = value.list(of: "paths") else { return nil }
    var paths: [String] = []
    for element in elements {
      guard let path = element.absolutePath("a file system of the service") else { return nil }
      guard !paths.contains(path) else {
        element.report("`\(path)` stands here twice")
        return nil
      }
      paths.append(path)
    }
    return paths
  }

  private static func candidates(_ value: NodeFileValue) -> [NodeName]? {
    guard let elements = value.list(of: "node names") else { return nil }
    if elements.isEmpty {
      value.report("is empty: at least the home node is a candidate")
      return nil
    }
    var names: [NodeName] = []
    for element in elements {
      guard let name = element.nodeName() else { continue }
      if names.contains(name) {
        element.report("`\(name)` is in the list twice: the order decides who is asked first")
      } else {
        names.append(name)
      }
    }
    return names
  }
}
