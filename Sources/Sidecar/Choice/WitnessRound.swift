import Cluster
import NodeHost
import RPCTransport
import SharedStore

/// Asks everybody but the store whether a silent owner serves a service: the owner's health endpoint, where it can be
/// reached from here, and the RPC programs behind the service's addresses.
struct WitnessRound: Sendable {
  let service: ServiceConfiguration
  /// Where it would be here, if it is isolated.
  let namespace: ServiceNamespace?
  let owner: NodeName
  let probes: [HealthProbe.Program]
  let limit: Duration
  let store: any SharedStore
  let storeTimeout: Duration

  /// Takes no longer than the store's time limit and `limit` together.
  func ask() async -> WitnessAnswer {
    let answers = await withTaskGroup(of: [WitnessAnswer].self) { group in
      group.addTask { [await askHealthEndpoint()] }
      group.addTask { await askPrograms() }
      var all: [WitnessAnswer] = []
      for await answers in group { all += answers }
      return all
    }
    for case .seen(let what) in answers { return .seen(what) }
    return answers.contains(.notSeen) ? .notSeen : .nobodyToAsk
  }

  private func askHealthEndpoint() async -> WitnessAnswer {
    guard let bytes = try? await store.read(try ClusterKeys.info(owner), within: storeTimeout),
      let address = StoreJSON.value(NodeInfo.self, bytes)?.health, let colon = address.lastIndex(of: ":"),
      let port = UInt16(address[address.index(after: colon)...])
    else { return .nobodyToAsk }
    let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
    let target = "/primary?service=\(service.name)"
    let limit = limit
    let status = try? await OwnThread.run("lf-witness") {
      HTTPStatusProbe.status(host: host, port: port, target: target, within: limit)
    }
    return status == 200 ? .seen("its health endpoint \(address) says so") : .notSeen
  }

  private func askPrograms() async -> [WitnessAnswer] {
    guard await !isHere() else { return [] }
    let hosts = service.addresses
    return await withTaskGroup(of: WitnessAnswer.self) { group in
      for (host, probe) in hosts.flatMap({ host in probes.map { (host, $0) } }) {
        group.addTask {
          do {
            try await NullCall.run(
              program: probe.number, version: probe.version, over: probe.transport == .udp ? .udp : .tcp,
              host: host, within: limit)
            return .seen("\(probe.name) v\(probe.version) on \(host) answers")
          } catch {
            return .notSeen
          }
        }
      }
      var answers: [WitnessAnswer] = []
      for await answer in group { answers.append(answer) }
      return answers
    }
  }

  /// What this machine has itself proves nothing about another one.
  private func isHere() async -> Bool {
    if let namespace {
      return (try? await OwnThread.run("lf-isolated") { namespace.stands() }) ?? false
    }
    guard let addresses = try? service.addressLinks(in: nil) else { return false }
    return (try? await !addresses.present().isEmpty) ?? false
  }
}

extension HealthConfiguration {
  /// Where other machines can ask it: `10.0.0.1:9943`; nil for a loopback or wildcard address, a name, or a port that
  /// the kernel chooses.
  var reachableAddress: String? {
    guard let address = NetworkAddress(listenHost), listenPort != 0, !address.isUnspecified,
      !address.isMulticast,
      !address.isLinkLocalIPv6, !address.isLoopback
    else { return nil }
    return address.isIPv6 ? "[\(address.text)]:\(listenPort)" : "\(address.text):\(listenPort)"
  }
}

extension NetworkAddress {
  /// 127.0.0.0/8 (RFC 1122) and ::1 (RFC 4291).
  fileprivate var isLoopback: Bool {
    isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 : bytes[0] == 127
  }
}
