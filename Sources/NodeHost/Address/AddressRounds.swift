/// How a service's address is asked for before it is taken.
public struct AddressProbing: Sendable, Equatable {
  /// How many questions: 0 asks nobody, 3 by RFC 5227, section 1.1.
  public var count: Int
  /// From one question to the next, and from the last to the taking.
  ///
  /// RFC 5227 waits for seconds, since hosts that have just been plugged in may sit behind a port that is not yet open.
  /// Here the link has been up for long, every neighbour's kernel answers by itself within a millisecond, and clients
  /// wait: three questions over 300 ms outlast two lost packets and a machine that was not scheduled for a moment.
  public var interval: Duration

  /// Three questions, 100 ms apart.
  public static let usual = AddressProbing(count: 3, interval: .milliseconds(100))
  /// Nobody is asked.
  public static let none = AddressProbing(count: 0, interval: .zero)
  /// One question: for whoever asks again before it takes the address.
  public var once: AddressProbing { AddressProbing(count: min(count, 1), interval: interval) }

  /// `count` questions, `interval` apart.
  public init(count: Int, interval: Duration) {
    self.count = count
    self.interval = interval
  }
}

/// How often the neighbours are told that an address is here now.
public struct AddressAnnouncing: Sendable, Equatable {
  /// How often, 1 or more.
  public var count: Int
  /// From the first to the second; each pause after it is twice the one before.
  ///
  /// Nothing acknowledges an announcement. A packet that is lost shall cost a client 100 ms, and a switch whose port
  /// needs seconds to open shall hear the last one: six of them are spread over 3.1 s.
  public var interval: Duration

  /// Six, the first two 100 ms apart.
  public static let usual = AddressAnnouncing(count: 6, interval: .milliseconds(100))

  /// `count` announcements, the first two `interval` apart.
  public init(count: Int, interval: Duration) {
    self.count = count
    self.interval = interval
  }

  /// The pauses between them.
  var pauses: [Duration] { (0..<max(count - 1, 0)).map { interval * (1 << min($0, 20)) } }
}
