import Logging
import NodeHost

/// Writes to the machine's log, for a program in the background.
struct SystemLogHandler: LogHandler {
  /// Who says it.
  let program: String
  var logLevel = Logger.Level.info
  var metadata = Logger.Metadata()
  var metadataProvider: Logger.MetadataProvider?

  init(program: String) { self.program = program }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
    let words = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    SystemLog.send("\(event.message)" + words, severity: Self.severity(of: event.level), as: program)
  }

  /// RFC 3164, 4.1.1.
  private static func severity(of level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
