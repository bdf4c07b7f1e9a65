import ArgumentParser
import Foundation
import HostTestKit

/// `make demo`
@main
struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockferry-demo",
    abstract: "Shows the main job: an NFS server loses its power, and its clients' locks move.",
    discussion: """
      Runs three hosts in private network, mount and process namespaces of this machine, as root, for at most a \
      minute, and leaves nothing behind. Exit status 0 means that the client was told as it must be.
      """)

  @Flag(help: "Also prints what every program wrote.")
  var logs = false

  /// The longest that it may take, build and clean-up not counted.
  static let limit = Duration.seconds(60)

  private struct TooLong: Error, CustomStringConvertible {
    var description: String { "the demo took longer than \(Demo.limit)" }
  }

  private struct Interrupted: Error {
    var signal: Int32
  }

  func run() async throws {
    if let obstacle = HostTestKit.unavailableBecause {
      say("The demo can't run here: \(obstacle)")
      throw ExitCode.failure
    }
    // Whoever stops reading our words still gets everything cleaned up.
    signal(SIGPIPE, SIG_IGN)
    do {
      // Whatever ends first decides; the story, when it is cancelled, ends its hosts before the group ends.
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { [logs] in try await Story(printsLogs: logs).tell() }
        group.addTask {
          try await Task.sleep(for: Self.limit)
          throw TooLong()
        }
        group.addTask { try await Self.watchForSignals([SIGINT, SIGTERM, SIGHUP]) }
        defer { group.cancelAll() }
        try await group.next()
      }
    } catch let interrupted as Interrupted {
      say("\nInterrupted. Everything that was started has been ended.")
      throw ExitCode(128 + interrupted.signal)
    } catch {
      say("\nFAILED: \(error)")
      throw ExitCode.failure
    }
  }

  /// Throws at the first of these signals, which no longer do anything else to this process.
  private static func watchForSignals(_ numbers: [Int32]) async throws {
    let (signals, signalled) = AsyncStream.makeStream(of: Int32.self)
    let sources = numbers.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { signalled.yield(number) }
      source.activate()
      return source
    }
    defer { for source in sources { source.cancel() } }
    for await number in signals { throw Interrupted(signal: number) }
    throw CancellationError()
  }
}

/// Prints at once, also into a pipe.
func say(_ text: String) {
  // Where nobody reads any more (`| head`), the story still ends in order.
  try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
}
