import Cluster
import Foundation
import NodeHost
import StatusMonitor
import Testing

@testable import Sidecar

/// M1: the periodic scan of a directory whose entries have not changed looks at some of the files only.
@Suite("Rescans that look at a share of the files", .timeLimit(.minutes(30)))
struct MirrorRescanTests {
  @Test("A record that was written in place, and that the watch has told of, is not put back to what it was")
  func inPlace() async throws {
    let place = try await MirrorPlace()
    defer { place.leave() }
    let names = (0..<40).map { "10.0.0.\($0)" }
    for name in names { try place.write(name, in: "/sm/") }
    try await withThrowingTaskGroup(of: Void.self) { (group) async throws -> Void in
      group.addTask { await place.mirror.run() }
      defer { group.cancelAll() }
      await place.mirror.begin(place.service, epoch: 1, planIsRunning: false)
      for name in names { #expect(try await place.isStored(name)) }
      // Until a change would show in the times of directory and files.
      repeat { await place.rescanAShare() } while await place.mirror.lastScan?.filesSeen == names.count
      let changed = [names[0], names[17], names[39]]
      for name in changed { try place.write(name, in: "/sm/", cookie: "7") }
      for name in changed { #expect(try await place.isStored(name, cookie: "7")) }
      for _ in 0..<9 {
        await place.rescanAShare()
        while await place.isSettled == false { try await Task.sleep(for: .milliseconds(5)) }
        for name in changed { #expect(try await place.stored(name)?.contains("7777") == true) }
      }
    }
  }
}

extension MirrorPlace {
  /// As the mirror does each `rescan`.
  fileprivate func rescanAShare() async {
    await mirror.inTurn { await self.mirror.rescan(looksAtShare: true) }
  }

  fileprivate var isSettled: Bool? { get async { await mirror.entries[service]?.instance?.isSettled } }
}
