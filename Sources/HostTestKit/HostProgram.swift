import Foundation
import Glibc
import Synchronization

/// A program that runs in a ``TestHost``.
///
/// What runs here is a child of `nsenter(1)`, which enters the host's namespaces and waits for it: signals go to
/// the program itself, and `nsenter` ends as its program does.
public final class HostProgram: Sendable {
  /// What it is called in logs: host and program.
  public let name: String
  private let outputPath: String
  private let errorPath: String
  private let entry: ChildProcess
  private let programPID = Mutex<pid_t?>(nil)

  init(name: String, entry: ChildProcess, outputPath: String, errorPath: String) {
    self.name = name
    self.entry = entry
    self.outputPath = outputPath
    self.errorPath = errorPath
  }

  /// How it ended; nil while it runs.
  public var end: ProgramEnd? { entry.end }

  /// It has not ended.
  public var isRunning: Bool { end == nil }

  /// Its process id as this machine sees it, not its host; nil until it has been forked, and once it has ended.
  public var pid: Int32? {
    guard entry.end == nil else { return nil }
    return programPID.withLock { known in
      if known == nil { known = ChildProcess.children(of: entry.pid).first }
      return known
    }
  }

  /// What it wrote to standard output so far.
  public var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }

  /// What it wrote to standard error so far: the log of a daemon.
  public var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

  /// Sends a signal to the program, and to nothing else.
  public func send(_ signal: Int32) {
    if let pid { entry.send(signal, to: pid) }
  }

  /// SIGKILL, and waits until it is gone.
  public func kill() async throws {
    resume()
    send(SIGKILL)
    try await waitForEnd()
  }

  /// SIGTERM, and waits until it is gone; returns how that ended and how long it took.
  @discardableResult
  public func terminate(within limit: Duration = .seconds(30)) async throws -> (
    end: ProgramEnd, took: Duration
  ) {
    let start = ContinuousClock.now
    send(SIGTERM)
    let end = try await waitForEnd(within: limit)
    return (end, ContinuousClock.now - start)
  }

  /// SIGSTOP: it hangs until ``resume()``.
  public func pause() { send(SIGSTOP) }

  /// SIGCONT, also to `nsenter`, which stops when its program does.
  public func resume() {
    send(SIGCONT)
    entry.send(SIGCONT)
  }

  /// Waits until it has ended by itself.
  @discardableResult
  public func waitForEnd(within limit: Duration = .seconds(120)) async throws -> ProgramEnd {
    try await value(within: limit, "\(name) ends") { end }
  }

  /// Waits until it has been forked, so that ``pid`` can be used, or has already ended.
  func waitForStart() async throws {
    try await eventually("\(name) starts") { pid != nil || end != nil }
  }

  /// Wakes `nsenter`, which stopped with its program, so that it notices that the program is dead.
  func wakeParent() { entry.send(SIGCONT) }

  /// Removes what it wrote; for commands that were run to their end and read.
  func removeOutput() {
    unlink(outputPath)
    unlink(errorPath)
  }

  /// What rpc.statd says for every question.
  private static let chatter = ["Waiting for client connections", "check_default: access by"]

  /// The last lines of what it wrote, for a failure's report.
  var report: String {
    var report = "--- \(name): \(end.map(\.description) ?? "running")\n"
    for (stream, text) in [("stdout", output), ("stderr", errors)] where !text.isEmpty {
      report += "  \(stream):\n"
      let lines = text.split(separator: "\n").filter { line in !Self.chatter.contains { line.contains($0) } }
      for line in lines.suffix(100) { report += "    \(line)\n" }
    }
    return report
  }
}

/// What a program that has ended left.
public struct CommandResult: Sendable {
  /// The command, for messages.
  public let command: String
  /// How it ended.
  public let end: ProgramEnd
  /// Standard output.
  public let output: String
  /// Standard error.
  public let errors: String

  /// Throws unless it ended with status 0.
  @discardableResult
  public func orThrow() throws(HostTestError) -> CommandResult {
    guard end.succeeded else {
      throw HostTestError(
        "\(command): \(end): \((errors + output).trimmingCharacters(in: .whitespacesAndNewlines))")
    }
    return self
  }
}
