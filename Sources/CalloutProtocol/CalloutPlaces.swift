/// Where daemon and callout meet: `callout/` in the daemon's run directory.
///
/// ```
/// callout/           root's, 0711: statd's user may pass, and put nothing there
///   sock             that user's, 0600
///   settings         root's, 0644: what the node file says of the callout
///   spool/           that user's, 0700: what could not be delivered
/// ```
public struct CalloutPlaces: Sendable, Equatable {
  /// The run directory where the callout is told no other.
  public static let defaultRunDirectory = "/run/lockferry"
  /// The variable of rpc.statd's environment that names another one.
  public static let variable = "LOCKFERRY_RUN_DIRECTORY"

  /// The folder of all of it.
  public let folder: String

  /// The places of the daemon with this run directory.
  public init(runDirectory: String) {
    folder = runDirectory + "/callout"
  }

  /// The socket.
  public var socket: String { folder + "/sock" }
  /// The settings.
  public var settings: String { folder + "/settings" }
  /// The spool.
  public var spool: String { folder + "/spool" }
}

/// What the daemon tells the callout beforehand, in a file that is read at each start.
public struct CalloutSettings: Sendable, Equatable {
  /// How long a client's lock waits at most, in milliseconds, 10 to 30000.
  public var limitMilliseconds: Int

  /// Without a file.
  public static let standard = CalloutSettings(limitMilliseconds: 2000)
  /// The longest file that is read, in bytes.
  public static let longestFile = 256
  /// What a limit may be.
  public static let limits = 10...30_000

  /// Settings; a limit out of range is moved to its end.
  public init(limitMilliseconds: Int) {
    self.limitMilliseconds = min(max(limitMilliseconds, Self.limits.lowerBound), Self.limits.upperBound)
  }

  /// The file's text.
  public var bytes: [UInt8] { Array("limit-ms \(limitMilliseconds)\n".utf8) }

  /// Reads the file's text; nil where it is another one.
  public init?(_ bytes: [UInt8]) {
    let prefix = Array("limit-ms ".utf8)
    guard bytes.count <= Self.longestFile, bytes.starts(with: prefix), bytes.last == UInt8(ascii: "\n")
    else { return nil }
    var value = 0
    let digits = bytes[prefix.count..<(bytes.count - 1)]
    guard (1...5).contains(digits.count) else { return nil }
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    guard Self.limits.contains(value) else { return nil }
    limitMilliseconds = value
  }
}

/// What an undelivered request is called in the spool.
///
/// The same name for the same peer: what statd said of it last counts, and a client that comes and goes takes the
/// place of one file.
public enum CalloutSpoolName {
  /// The most files that are left in a spool; whatever goes beyond is told to the log and lost, which costs no
  /// record: statd's own file is there, and the daemon reads all of them when it starts.
  public static let mostFiles = 4096
  /// The prefix of a file that is still being written.
  public static let temporaryPrefix = "."

  /// The name for a request; nil where it is nothing to keep.
  public static func of(_ request: CalloutRequest) -> String? {
    switch request {
    case .addClient(let names), .deleteClient(let names): "client-" + hash(names.monName + [0] + names.myName)
    case .restart(let restart): "restart-" + hash(restart.monName + [0] + restart.source)
    case .ping: nil
    }
  }

  /// FNV-1a with 64 bits, as 16 hexadecimal digits.
  private static func hash(_ bytes: [UInt8]) -> String {
    let sum = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
