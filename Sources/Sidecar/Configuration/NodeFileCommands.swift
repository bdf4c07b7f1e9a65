internal import Cluster

/// Reading of everything that the operator may have done by a program of his own.
enum NodeFileCommands {
  /// What an operator's program may take at most.
  static let timeouts: ClosedRange<Duration> = .milliseconds(100)...(.seconds(3600))
  private static let keys = ["command", "timeout"]

  /// `{command: [...], timeout: 60s}`
  static func command(_ value: NodeFileValue) -> CommandConfiguration? {
    value.section(known: keys).flatMap(command)
  }

  /// The keys `command` and `timeout` of a section.
  static func command(_ section: NodeFileSection) -> CommandConfiguration? {
    let arguments = section.required("command", "a list of the program's absolute path and its arguments")
    let timeout = section.optional("timeout").map { $0.duration(timeouts) } ?? .seconds(60)
    guard let arguments = arguments.flatMap(Self.arguments), let timeout else { return nil }
    return CommandConfiguration(arguments: arguments, timeout: timeout)
  }

  /// `[/absolute/path, argument, …]`
  static func arguments(_ value: NodeFileValue) -> [String]? {
    guard let elements = value.list(of: "the program's absolute path and its arguments") else { return nil }
    guard let program = elements.first else {
      value.report("is empty: must begin with the program's absolute path")
      return nil
    }
    let path = program.absolutePath("a program")
    let rest = elements.dropFirst().map { $0.scalar("an argument") }
    guard let path, !rest.contains(nil) else { return nil }
    return [path] + rest.compactMap { $0 }
  }

  /// `none` or `{command: [...], timeout: 60s}`
  static func fence(_ value: NodeFileValue) -> FenceConfiguration? {
    if value.isScalar {
      return value.word(["none"], "`none` or {command: [...]}").map { _ in .none }
    }
    return command(value).map(FenceConfiguration.command)
  }

  /// `sm-notify`, `{sm-notify: {retry: 15m}}` or `{command: [...], timeout: 60s}`
  static func notification(_ value: NodeFileValue) -> NotificationConfiguration? {
    if value.isScalar {
      return value.word(["sm-notify"], "`sm-notify`, {sm-notify: {retry: 15m}} or {command: [...]}").map {
        _ in
        .smNotify(retry: .seconds(15 * 60))
      }
    }
    guard let section = value.section(known: ["sm-notify"] + keys) else { return nil }
    guard let smNotify = section.optional("sm-notify") else {
      return command(section).map(NotificationConfiguration.command)
    }
    if section.has("command") || section.has("timeout") {
      section.context.report(
        smNotify.position, "\(section.described): either `sm-notify` or `command` with `timeout`, not both")
    }
    guard let options = smNotify.section(known: ["retry"]) else { return nil }
    guard let retry = options.optional("retry") else { return .smNotify(retry: .seconds(15 * 60)) }
    guard let duration = retry.duration(.seconds(60)...(.seconds(1440 * 60))) else { return nil }
    // sm-notify -m takes minutes.
    guard duration.components.attoseconds == 0, duration.components.seconds % 60 == 0 else {
      retry.report("\(DurationText.text(duration)) must be whole minutes, which is all that sm-notify takes")
      return nil
    }
    return .smNotify(retry: duration)
  }
}
