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
}
