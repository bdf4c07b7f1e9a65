import Foundation
import HostTestKit
import Testing

/// Everything that runs on test hosts, one test at a time: two processors do not feed more clusters than one.
@Suite(
  "Hosts", .serialized,
  .enabled(if: HostTestKit.unavailableBecause == nil, Comment(rawValue: HostTestKit.unavailableBecause ?? ""))
)
struct HostTests {}

/// A machine that must run the host tests (the project's CI) says so in `LOCKFERRY_HOST_TESTS=required`, so that
/// they can't be skipped unnoticed.
@Test func hostTestsAreNotSkippedWhereTheyAreRequired() {
  guard ProcessInfo.processInfo.environment["LOCKFERRY_HOST_TESTS"] == "required" else { return }
  #expect(HostTestKit.unavailableBecause == nil)
}
