internal import NodeHost

/// Reading of `recovery.server.isolated`.
enum NodeFileIsolation {
  /// Where nothing is written.
  static func preset(of service: String) -> IsolationConfiguration {
    IsolationConfiguration(exports: .file("/etc/lockferry/\(service).exports"), threads: 8, gateway: nil)
  }

  /// `{exports: ..., threads: 8, gateway: 10.0.0.1, status_monitor: rpc.statd, nfs4: /srv/home/.nfs4}`
  static func read(_ value: NodeFileValue, of service: String) -> IsolationConfiguration? {
    let preset = preset(of: service)
    guard let options = value.section(known: ["exports", "threads", "gateway", "status_monitor", "nfs4"])
    else {
      return nil
    }
    let exports = options.optional("exports").map(exports) ?? preset.exports
    let threads = options.optional("threads").map { $0.integer(1...4096) } ?? preset.threads
    let gateway = options.optional("gateway").map { value in
      value.text("an address").flatMap(value.hostAddress)?.text
    }
    let words = IsolationConfiguration.StatusMonitor.allCases.map(\.rawValue)
    let statusMonitor =
      options.optional("status_monitor").map { value in
        value.word(words, words.joined(separator: " or ")).flatMap(
          IsolationConfiguration.StatusMonitor.init)
      } ?? preset.statusMonitor
    guard let exports, let threads, let statusMonitor else { return nil }
    if case .some(.none) = gateway { return nil }
    let records = options.optional("nfs4").map {
      $0.absolutePath("a folder on the service's storage, for NFSv4's client records")
    }
    if case .some(.none) = records { return nil }
    return IsolationConfiguration(
      exports: exports, threads: threads, gateway: gateway ?? nil, statusMonitor: statusMonitor,
      clientRecords: records ?? nil)
  }

  /// What an isolated service needs, and what has no meaning for it.
  ///
  /// - Parameter mounts: `storage.mounts`; empty where they are not written.
  static func check(
    _ isolation: IsolationConfiguration, _ recovery: NodeFileSection,
    _ address: ServiceAddressConfiguration?, mounts: [String]
  ) {
    if let records = isolation.clientRecords, !mounts.isEmpty,
      !mounts.contains(where: { records.hasPrefix($0 == "/" ? $0 : $0 + "/") })
    {
      recovery.optional("server")?.report(
        "`nfs4: \(records)` is below none of `storage.mounts`: the client records would not go with the service"
      )
    }
    if case .interface = address {
    } else {
      recovery.optional("server")?.report(
        "an isolated service needs `address` with a prefix length, and `interface`: it gets a link of its own there"
      )
    }
    let why = recovery.optional("server") == nil ? ", which a service is unless `server` says otherwise," : ""
    recovery.optional("withdraw")?.report(
      "an isolated service\(why) is withdrawn by lockferry: leave it out")
    recovery.optional("own_clients")?.report(
      "this node's own clients notice nothing of an isolated service\(why): leave it out")
  }

  private static func exports(_ value: NodeFileValue) -> IsolationConfiguration.Exports? {
    if value.isScalar { return value.absolutePath("a file with exports").map { .file($0) } }
    guard let elements = value.list(of: "lines as in exports(5)") else { return nil }
    if elements.isEmpty { value.report("is empty: a service that exports nothing serves nobody") }
    let lines = elements.compactMap { element -> String? in
      guard let line = element.text("a line as in exports(5)") else { return nil }
      do throws(NodeHostError) {
        _ = try ExportLines(line)
        return line
      } catch {
        element.report("`\(line)` must begin with the absolute path of what is exported, see exports(5)")
        return nil
      }
    }
    return lines.count == elements.count && !lines.isEmpty ? .lines(lines) : nil
  }
}
