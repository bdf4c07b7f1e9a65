/// Somebody who is to be told.
public struct NotificationClient: Sendable, Equatable {
  /// Where to find the client.
  public enum Destination: Sendable, Equatable {
    /// The record holds a literal: nobody has to be asked.
    case address(HostAddress)
    /// A host name that a resolver knows, or not.
    case name(String)
  }

  /// The record's name.
  public var name: ClientName
  /// Where to find it.
  public var destination: Destination
  /// Greater for those whose locks were taken later: they are told first. Comparable within one list only.
  public var recency: UInt64
  /// It has answered an earlier run and is told again: after those who were never told.
  public var wasToldBefore: Bool
  /// Names of the server to which it has answered in this same notification, with this number: they are not said again.
  public var answeredNames: [String] = []

  /// A client.
  public init(name: ClientName, destination: Destination, recency: UInt64 = 0, wasToldBefore: Bool = false) {
    self.name = name
    self.destination = destination
    self.recency = recency
    self.wasToldBefore = wasToldBefore
  }

  /// The texts in which a record may hold its client's address or host name, best first.
  ///
  /// statd names the file by the client's canonical name and sm-notify resolves just that; the lock manager's own
  /// word, mon_name, is an address unless the server runs with `nsm_use_hostnames`, so that a dead resolver need
  /// not be asked for a client whose file has a host name.
  public static func candidates(name: ClientName, record: MonitorRecord) -> [String] {
    var candidates = [name.text]
    for line in record.monitorLines where !line.monName.isEmpty && !candidates.contains(line.monName) {
      candidates.append(line.monName)
    }
    return candidates
  }

  /// When the lock manager first knew of the client, as the cookie tells: nanoseconds since its machine's boot.
  ///
  /// Linux's lockd puts `ktime_get_ns()` into the cookie's first 8 bytes, in its own byte order (fs/lockd/mon.c,
  /// `nsm_init_private`). 0 where the record has none, as Ganesha's.
  public static func recency(of record: MonitorRecord) -> UInt64 {
    record.monitorLines.map { line in
      let bytes = line.cookie.prefix(8)
      let isBig = line.writerByteOrder == .bigEndian
      return (isBig ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
    }.max() ?? 0
  }
}
