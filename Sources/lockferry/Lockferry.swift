import ArgumentParser
import Foundation

/// The command line.
@main
struct Lockferry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lockferry",
    abstract: "Moves NFSv3 locks with the service when an NFS server fails over.",
    discussion: """
      Every verb but `init`, `run`, `statd`, `validate`, `simulate` and `notify --state-dir` asks the daemon of this machine \
      through its control socket. \
      Exit statuses are listed in docs/commands.md: 0 done, 64 usage, 69 no daemon or no store, 77 not allowed, \
      78 node file, 105 no such object, 107 unsafe, 108 exists, 112 unknown whether done, 113 precondition, \
      124 timed out.
      """,
    subcommands: [
      InitCommand.self, RunCommand.self, StatusCommand.self, RecordsCommand.self, ServiceCommand.self,
      MigrateCommand.self, FailbackCommand.self, NodeCommand.self, PauseCommand.self, ResumeCommand.self,
      ThawCommand.self, UnholdCommand.self, ReportCommand.self, NotifyCommand.self, DrillCommand.self,
      HistoryCommand.self, ValidateCommand.self, SimulateCommand.self,
      StatdCommand.self, DoctorCommand.self,
    ])

  /// Swift's asynchronous entry ends the process's first thread, and whatever that thread was when it ended is what
  /// ps(1) shows for good: of `statd`, which gives up root, it would show root. So the first thread waits instead.
  static func main() {
    Task.detached {
      await perform()
      Foundation.exit(0)
    }
    while true { pause() }
  }

  private static func perform() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as CommandFailure {
      Terminal.complain(failure.message)
      Foundation.exit(failure.status.rawValue)
    } catch {
      // ArgumentParser prints its own messages: usage errors to standard error with 64, help with 0.
      exit(withError: error)
    }
  }
}
