import Cluster
import Logging
import NodeHost

extension ServiceMarks {
  /// Between two tries.
  private static let pause = Duration.seconds(1)

  /// Writes down that `service` is given up, for as long as it takes, unless it is taken up again meanwhile. A mark that
  /// came too late for that is taken away.
  ///
  /// - Parameter isTakenUpAgain: asked where the caller is isolated, so that nothing changes before the mark is gone.
  func putGivenUp(
    _ service: ServiceName, isolation: isolated (any Actor)? = #isolation, clock: any Clock<Duration>,
    log: Logger, isTakenUpAgain: () -> Bool
  ) async {
    var isTold = false
    while !Task.isCancelled {
      do {
        try await OwnThread.run("lf-mark") { try put(.givenUp, service) }
        break
      } catch {
        if !isTold {
          log.critical(
            "that the service is given up can't be written down: mend the run directory before lockferry starts again",
            metadata: ["service": "\(service)", "error": "\(error)"])
        }
        isTold = true
        try? await clock.sleep(for: Self.pause)
        if isTakenUpAgain() { break }
      }
    }
    if isTakenUpAgain() { remove(.givenUp, service) }
  }
}
