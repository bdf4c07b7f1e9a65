import StatusMonitor

/// A client's machine on a simulated network: its rpcbind and its status monitor.
struct SimulatedHost {
  enum Stream: CaseIterable { case works, hangs, refused }

  var addresses: [HostAddress]
  /// From when on it is up; nil where it never is. Microseconds, as all moments here.
  var upSince: Int?
  /// From when on its status monitor is registered.
  var registeredSince = 0
  var port: UInt16 = 700
  /// Versions of rpcbind above 2 that it answers to.
  var rpcbindVersions: Set<UInt8> = [3, 4]
  /// Whether it says that it lacks a version, or nothing.
  var saysMismatch = true
  /// A firewall drops its UDP.
  var dropsDatagrams = false
  /// Its kernel says that nothing listens on its UDP ports.
  var closesDatagrams = false
  var stream = Stream.works
  /// How long the status monitor thinks, as it asks the resolver before it answers.
  var thinks = 0
  /// How often it heard each name.
  var heard: [Int]
  /// Questions that reached it or were lost on the way.
  var datagrams = 0

  func isUp(_ now: Int) -> Bool { upSince.map { $0 <= now } ?? false }

  /// Whether it can be told at all.
  var canBeTold: Bool { upSince != nil && (!(dropsDatagrams || closesDatagrams) || stream == .works) }

  /// From when on it can be told.
  var reachableSince: Int { max(upSince ?? .max, registeredSince) }

  enum Response { case nothing, closed, port(UInt16), mismatch, done }

  mutating func hears(_ datagram: NotificationSchedule.Datagram, now: Int) -> Response {
    guard isUp(now), addresses.contains(datagram.address), !dropsDatagrams else { return .nothing }
    if closesDatagrams { return .closed }
    let isRegistered = registeredSince <= now
    switch datagram.call {
    case .port: return .port(isRegistered ? port : 0)
    case .universalAddress(let version):
      if rpcbindVersions.contains(version) { return .port(isRegistered ? port : 0) }
      return saysMismatch ? .mismatch : .nothing
    case .say(let index):
      guard isRegistered, datagram.port == port else { return .closed }
      heard[Int(index)] += 1
      return .done
    }
  }
}
