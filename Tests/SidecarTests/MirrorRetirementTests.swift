import Foundation
import Testing

@testable import Sidecar

/// M1 M3: sm-notify moves records to `sm.bak`, and the kernel goes on with their clients as monitored.
@Suite("Records that sm-notify retires before they are mirrored", .timeLimit(.minutes(30)))
struct MirrorRetirementTests {
  @Test func whatLiesThereWhenTheMirrorBeginsReachesTheStore() async throws {
    let place = try await MirrorPlace()
    defer { place.leave() }
    try place.write("10.0.0.11", in: "/sm.bak/")
    try place.write("10.0.0.12", in: "/sm/")
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws -> Void in
      group.addTask { await place.mirror.run() }
      defer { group.cancelAll() }
      await place.mirror.begin(place.service, epoch: 1, planIsRunning: false)
      #expect(try await place.isStored("10.0.0.12"))
      #expect(try await place.isStored("10.0.0.11"))
      let status = await place.mirror.status(place.service)
      #expect(status?.recordsSeen == 1)
    }
  }

  @Test func whatIsMovedThereBeforeTheDaemonHasReadItReachesTheStore() async throws {
    let place = try await MirrorPlace()
    defer { place.leave() }
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws -> Void in
      group.addTask { await place.mirror.run() }
      defer { group.cancelAll() }
      await place.mirror.begin(place.service, epoch: 1, planIsRunning: false)
      try place.write("10.0.0.12", in: "/sm/")
      #expect(try await place.isStored("10.0.0.12"))
      for index in 0..<20 {
        let name = "10.0.1.\(index)"
        try place.write(name, in: "/sm/")
        try FileManager.default.moveItem(
          atPath: place.path + "/sm/" + name, toPath: place.path + "/sm.bak/" + name)
      }
      for index in 0..<20 {
        let isStored = try await place.isStored("10.0.1.\(index)")
        #expect(isStored, "10.0.1.\(index)")
      }
    }
  }
}
