import ArgumentParser
import Logging

/// How much a program that stays in the foreground says on standard error.
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

  func logger(_ label: String) -> Logger {
    var log = Logger(label: label, factory: StreamLogHandler.standardError(label:))
    log.logLevel = logLevel
    return log
  }
}
