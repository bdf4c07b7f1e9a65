internal import Cluster

/// Reading of `adoption:`.
enum NodeFileAdoption {
  private static let hour = Duration.seconds(3600)

  /// The defaults where it is missing.
  static func read(_ file: NodeFileSection) -> AdoptionConfiguration? {
    var adoption = AdoptionConfiguration()
    guard let value = file.optional("adoption") else { return adoption }
    guard let section = value.section(known: ["check_interval", "tries", "time", "rest"]) else { return nil }
    let isRead = [
      NodeFileTimings.read(
        section, "check_interval", .milliseconds(100)...hour, into: &adoption.checkInterval),
      NodeFileTimings.read(section, "time", .seconds(1)...hour, into: &adoption.policy.time),
      NodeFileTimings.read(section, "rest", .seconds(1)...(hour * 24), into: &adoption.policy.rest),
      integer(section, "tries", 1...100, into: &adoption.policy.tries),
    ].allSatisfy { $0 }
    return isRead ? adoption : nil
  }

  /// False where the key is there and can't be read.
  private static func integer(
    _ section: NodeFileSection, _ key: String, _ range: ClosedRange<Int>, into target: inout Int
  ) -> Bool {
    guard let value = section.optional(key) else { return true }
    guard let number = value.integer(range) else { return false }
    target = number
    return true
  }
}
