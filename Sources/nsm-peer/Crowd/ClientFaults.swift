/// What is wrong with one client for as long as the crowd runs.
struct ClientFaults: OptionSet, Hashable, Sendable {
  let rawValue: UInt16

  /// Answers nothing at all, until it comes to life.
  static let dead = ClientFaults(rawValue: 1 << 0)
  /// rpcbind runs, the status monitor doesn't: never registered.
  static let noStatusMonitor = ClientFaults(rawValue: 1 << 1)
  /// The status monitor is registered after some look-ups only.
  static let lateStatusMonitor = ClientFaults(rawValue: 1 << 2)
  /// No answer over UDP, neither of rpcbind nor of the status monitor.
  static let silentUDP = ClientFaults(rawValue: 1 << 3)
  /// rpcbind names a UDP port that is closed (ICMP port unreachable).
  static let closedUDP = ClientFaults(rawValue: 1 << 4)
  /// Connections are accepted and never answered.
  static let silentTCP = ClientFaults(rawValue: 1 << 5)
  /// The status monitor moves to another port after the first look-up, and back after the first notification.
  static let moving = ClientFaults(rawValue: 1 << 6)
  /// rpcbind knows its oldest version of the family alone: 2 of IPv4, 3 of IPv6.
  static let oldPortMapper = ClientFaults(rawValue: 1 << 7)
  /// The first notifications are answered with PROG_UNAVAIL.
  static let programUnavailable = ClientFaults(rawValue: 1 << 8)
  /// The first notifications are answered with AUTH_ERROR.
  static let authenticationError = ClientFaults(rawValue: 1 << 9)
  /// The first notifications are answered with SYSTEM_ERR.
  static let systemError = ClientFaults(rawValue: 1 << 10)

  /// Every fault with the name of its option, in the order in which clients are drawn for them.
  static let named: [(fault: ClientFaults, name: String)] = [
    (.dead, "dead"), (.noStatusMonitor, "no-statd"), (.lateStatusMonitor, "late-statd"),
    (.silentUDP, "silent-udp"), (.closedUDP, "closed-udp"), (.silentTCP, "silent-tcp"), (.moving, "moving"),
    (.oldPortMapper, "old-rpcbind"), (.programUnavailable, "program-unavailable"),
    (.authenticationError, "authentication-error"), (.systemError, "system-error"),
  ]

  static let errors: ClientFaults = [.programUnavailable, .authenticationError, .systemError]

  var names: [String] { ClientFaults.named.filter { contains($0.fault) }.map(\.name) }

  /// Whether a sender that never gives up can tell this client.
  ///
  /// - Parameter errorCalls: how many notifications are answered with an error; 0 is all of them.
  func isTellable(errorCalls: Int) -> Bool {
    if contains(.dead) || contains(.noStatusMonitor) { return false }
    if !isDisjoint(with: ClientFaults.errors) && errorCalls == 0 { return false }
    return isDisjoint(with: [.silentUDP, .closedUDP]) || !contains(.silentTCP)
  }
}
