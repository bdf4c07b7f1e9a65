/// An attempt to make clients reclaim their locks, and the number that it tells them.
public enum NotificationAttempt: Sendable, Equatable {
  /// It goes on where an attempt with this number was interrupted: who has not heard the number takes it for news, who
  /// has heard it reclaims nothing twice.
  case continued(StateNumber)
  /// It begins anew, though some of these numbers may have been told: after a reclaim that was lost, for example,
  /// because no grace period ran. A Linux client does nothing on a number that it has seen
  /// (fs/lockd/host.c, `next_host_state`), and answers as if it did.
  case new(above: [StateNumber])

  /// The number that clients are told; nil where no number is left above those seen.
  public var number: StateNumber? {
    switch self {
    case .continued(let number): number
    // statd's first number is 1, which clients of a server that never restarted know from `SM_MON`'s answer.
    case .new(let seen): StateNumber.next(above: seen + [StateNumber(1)].compactMap { $0 })
    }
  }
}

/// The names under which clients may know a server.
public enum NotificationNames {
  /// Every name once: those that were given, their full names, short names, address literals.
  ///
  /// Linux clients also recognise the server by where the notification comes from; FreeBSD's and illumos' clients go by
  /// the name alone, and which of them a client mounted by is its own choice.
  ///
  /// - Parameters:
  ///   - given: names or literals, the best known first.
  ///   - canonical: the resolver's full name for each given one, where it knows one.
  ///   - addresses: literals of the server's addresses.
  public static func all(given: [String], canonical: [String], addresses: [String]) -> [String] {
    var names: [String] = []
    func add(_ name: String) {
      // Names of hosts are the same in upper and lower case (RFC 1123, section 2.1; statd compares so).
      guard !name.isEmpty, names.count < NotificationErrand.mostNames,
        !names.contains(where: { $0.lowercased() == name.lowercased() })
      else { return }
      names.append(name)
    }
    for name in given { add(name) }
    for name in canonical { add(name) }
    for name in given + canonical where !isLiteral(name) { add(String(name.prefix { $0 != "." })) }
    for address in addresses { add(address) }
    return names
  }

  private static func isLiteral(_ name: String) -> Bool {
    name.contains(":") || name.allSatisfy { $0 == "." || ("0"..."9").contains($0) }
  }
}
