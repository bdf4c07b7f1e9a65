import ArgumentParser
import Logging

/// How much a program says on standard error, or in the background to the machine's log.
struct LogOptions: ParsableArguments {
  @Option(
    help: "trace, debug, info, notice, warning, error or critical",
    transform: { text in
      guard let level = Logger.Level(rawValue: text) else {
        throw ValidationError(
          "\(text) is none of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return level
    })
  var logLevel: Logger.Level = .info

  func logger(_ label: String, toSystemLog: Bool = false) -> Logger {
    var log =
      toSystemLog
      ? Logger(label: label, factory: SystemLogHandler.init(program:))
      : Logger(label: label, factory: StreamLogHandler.standardError(label:))
    log.logLevel = logLevel
    return log
  }
}
