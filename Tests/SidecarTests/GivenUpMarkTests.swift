import Cluster
import Foundation
import Logging
import NodeHost
import Testing

@testable import Sidecar

/// M6: what is given up is not taken for running by a daemon that starts later.
@Suite("The mark of a service that is given up", .timeLimit(.minutes(30))) struct GivenUpMarkTests {
  private let folder = NSTemporaryDirectory() + "lockferry-marks-" + UUID().uuidString
  private let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
  private let service: ServiceName
  private var marks: ServiceMarks { ServiceMarks(runDirectory: folder) }
  private var isMarked: Bool { marks.marked(.givenUp, [service]) == [service] }

  init() throws { service = try #require(ServiceName("home")) }

  private func write(_ clock: any Clock<Duration> = ContinuousClock(), isTakenUpAgain: () -> Bool) async {
    await marks.putGivenUp(service, clock: clock, log: log, isTakenUpAgain: isTakenUpAgain)
  }

  private func makeFolder() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  @Test func isWrittenAsSoonAsItCanBe() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var tries = 0
    // Asked after each try that has failed: the folder comes when two have.
    await write {
      tries += 1
      if tries == 2 { try? makeFolder() }
      return false
    }
    #expect(tries == 3 && isMarked)
  }

  @Test func thatCameTooLateIsTakenAway() async throws {
    try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var wasThere = false
    await write {
      wasThere = isMarked
      return true
    }
    #expect(wasThere && !isMarked)
  }

  @Test func isNoLongerTriedOnceTheServiceIsTakenUpAgain() async throws {
    var asked = 0
    await write {
      asked += 1
      return true
    }
    #expect(asked == 2)
  }

  @Test func isNoLongerTriedWhenTheDaemonEnds() async throws {
    let tries = await Task {
      var tries = 0
      await write {
        tries += 1
        withUnsafeCurrentTask { $0?.cancel() }
        return tries == 5
      }
      return tries
    }.value
    // Once after the try that failed, and once in the end.
    #expect(tries == 2)
  }
}
