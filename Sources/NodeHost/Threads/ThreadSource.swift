/// A descriptor that a ``ThreadExecutor`` polls for somebody, together with everything else that may wake its thread.
public protocol ThreadSource: AnyObject, Sendable {
  /// What is polled for reading; negative: nothing. Stays the same.
  var descriptor: Int32 { get }

  /// There is something to read, or it is time. May hang; then the executor goes on without it, and comes back to it when it
  /// has ended.
  func run() -> ThreadSourceRest
}

/// When a source wants to run again though there is nothing to read.
public struct ThreadSourceRest: Sendable {
  /// Not before this, from now.
  public var earliest: Duration
  /// In between it runs with whatever wakes the thread; at its end it wakes the thread itself.
  public var tolerance: Duration

  /// - Parameters:
  ///   - earliest: see ``earliest``.
  ///   - tolerance: see ``tolerance``.
  public init(earliest: Duration, tolerance: Duration) {
    (self.earliest, self.tolerance) = (earliest, tolerance)
  }
}
