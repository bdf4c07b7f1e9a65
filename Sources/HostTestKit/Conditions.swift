public import Foundation

/// Waits until `condition` holds: asks every 20 ms, and throws when it does not hold within the limit.
///
/// An error that `condition` throws counts as "does not hold yet"; the last one is part of the message.
public func eventually(
  within limit: Duration = .seconds(120), _ what: String, _ condition: () async throws -> Bool
) async throws {
  _ = try await value(within: limit, what) { try await condition() ? true : nil }
}

/// Waits until `find` returns something, as ``eventually(within:_:_:)`` does, and returns it.
public func value<Value>(
  within limit: Duration = .seconds(120), _ what: String, _ find: () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + limit
  var lastError: (any Error)?
  while true {
    try Task.checkCancellation()
    do {
      if let value = try await find() { return value }
      lastError = nil
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      lastError = error
    }
    guard ContinuousClock.now < deadline else {
      throw HostTestError("not within \(limit): \(what)" + (lastError.map { " (\($0))" } ?? ""))
    }
    try await Task.sleep(for: .milliseconds(20))
  }
}

/// Watches that `condition` holds all the time for `length`: asks every 50 ms, and throws as soon as it does not.
public func always(for length: Duration, _ what: String, _ condition: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + length
  repeat {
    guard try await condition() else { throw HostTestError("no longer true: \(what)") }
    try await Task.sleep(for: .milliseconds(50))
  } while ContinuousClock.now < end
}

/// Waits, also in a task that was cancelled: for what has to be cleaned up in any case.
func pauseThroughCancellation(for length: Duration) async {
  // A new task is not cancelled with this one.
  await Task { try? await Task.sleep(for: length) }.value
}

/// A moment on both clocks: the wall clock, which logs and histories carry, and the boot clock.
public struct Moment: Sendable {
  /// The wall clock.
  public let wall: Date
  /// CLOCK_BOOTTIME, in nanoseconds since the machine started.
  public let bootNanoseconds: Int64

  /// Now.
  public static var now: Moment {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Moment(
      wall: Date(), bootNanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// Milliseconds from this moment to a later one on the boot clock.
  public func milliseconds(toBoot nanoseconds: Int64) -> Int {
    Int((nanoseconds - bootNanoseconds) / 1_000_000)
  }

  /// Milliseconds from this moment to a later one on the wall clock.
  public func milliseconds(to date: Date) -> Int { Int((date.timeIntervalSince(wall) * 1000).rounded()) }
}
