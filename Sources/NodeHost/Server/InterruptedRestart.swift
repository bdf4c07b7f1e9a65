import Glibc

/// What a restart stops before it starts it again, noted in the run directory, which a reboot empties: a daemon that was
/// killed in between leaves the note to the next one. Without it nobody would know that this machine's own clients wait for
/// a server that nobody starts, least of all where another node has the service by then.
public struct InterruptedRestart: Sendable {
  /// What has been stopped.
  public enum Part: Sendable, Equatable {
    /// The NFS service.
    case server
    /// rpc.statd, which was run by this command.
    case statusMonitor([String])
  }

  private let path: String

  /// The note in `runDirectory`.
  public init(runDirectory: String) { path = runDirectory + "/restarting" }

  /// Written before `part` is stopped.
  ///
  /// - Throws: ``NodeHostError`` where it can't be written.
  public func note(_ part: Part) throws(NodeHostError) {
    let words: [String] =
      switch part {
      case .server: ["nfs"]
      case .statusMonitor(let arguments): ["statd"] + arguments
      }
    try DurableFile.write(words.flatMap { Array($0.utf8) + [0] }, to: path, mode: 0o600)
  }

  /// It runs again.
  public func forget() { unlink(path) }

  /// What an earlier daemon had stopped; nil where there is nothing.
  public var part: Part? {
    let words = ((try? contentsOfFile(path, limit: 1 << 16)) ?? []).split(separator: 0)
      .map { String(decoding: $0, as: UTF8.self) }
    return switch words.first {
    case "nfs" where words.count == 1: .server
    case "statd" where words.count > 1: .statusMonitor(Array(words.dropFirst()))
    default: nil
    }
  }

  /// Starts what was stopped, unless it runs. The note stays until ``forget()``: those whose locks went must be told first.
  ///
  /// - Returns: what had been stopped, and what was started, nil where it ran; nil where there was nothing to do.
  /// - Throws: ``NodeHostError`` where it could not be started.
  public func finish() async throws -> (part: Part, started: String?)? {
    guard let part = try await OwnThread.run("lf-restarting", { self.part }) else { return nil }
    let service = NFSService()
    var done: String?
    switch part {
    case .server:
      if try await !OwnThread.run("lf-nfsd", { NFSServerFacts.read().isServing }) {
        if !service.isUnderSystemd { try await service.export() }
        try await service.start()
        done = "the NFS server"
      }
    case .statusMonitor(let arguments):
      if try await OwnThread.run("lf-statd", { StatusMonitorProcess.find() == nil }) {
        try await service.startInBackground(arguments)
        done = arguments.joined(separator: " ")
      }
    }
    return (part, done)
  }
}
