public import Cluster
public import StatusMonitor

/// The moment `duration` after boot.
func at(_ duration: Duration) -> BootInstant { BootInstant(sinceBoot: duration) }

/// The moment `milliseconds` after boot.
func at(milliseconds: Int) -> BootInstant { BootInstant(sinceBoot: .milliseconds(milliseconds)) }

/// Text as bytes.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension NodeName: ExpressibleByStringLiteral {
  /// A name that a test writes down; one that can't be a name ends the test run.
  public init(stringLiteral text: String) {
    guard let name = NodeName(text) else { preconditionFailure("a test names a node '\(text)'") }
    self = name
  }
}

extension ServiceName: ExpressibleByStringLiteral {
  /// A name that a test writes down; one that can't be a name ends the test run.
  public init(stringLiteral text: String) {
    guard let name = ServiceName(text) else { preconditionFailure("a test names a service '\(text)'") }
    self = name
  }
}

extension ClientName: ExpressibleByStringLiteral {
  /// A name that a test writes down; one that can't be a name ends the test run.
  public init(stringLiteral text: String) {
    do {
      try self.init(text)
    } catch {
      preconditionFailure("a test names a client '\(text)'")
    }
  }
}
