import Foundation
import HostTestKit
import Testing

/// What runs on test hosts: services and the nodes that serve them. One test at a time, beside those of
/// `ClientHostTests`: most of a test is waiting, and two processors feed two clusters, but not three.
@Suite("Hosts: services and their nodes", .serialized, .onTestHosts) struct HostTests {}

/// What runs on test hosts: clients, what they are told, and what comes of it. One test at a time as well.
@Suite("Hosts: clients and what they are told", .serialized, .onTestHosts) struct ClientHostTests {}

extension Trait where Self == ConditionTrait {
  /// Where this machine has test hosts.
  static var onTestHosts: Self {
    .enabled(
      if: HostTestKit.unavailableBecause == nil, Comment(rawValue: HostTestKit.unavailableBecause ?? ""))
  }
}

/// A machine that must run the host tests (the project's CI) says so in `LOCKFERRY_HOST_TESTS=required`, so that
/// they can't be skipped unnoticed.
@Test func hostTestsAreNotSkippedWhereTheyAreRequired() {
  guard ProcessInfo.processInfo.environment["LOCKFERRY_HOST_TESTS"] == "required" else { return }
  #expect(HostTestKit.unavailableBecause == nil)
}
