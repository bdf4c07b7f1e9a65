internal import Cluster

/// Reading of `recovery.notify`.
enum NodeFileNotification {
  private static let retries: ClosedRange<Duration> = .seconds(60)...(.seconds(1440 * 60))
  private static let forms =
    "`built-in`, `sm-notify`, {built-in: {retry: 15m}}, {sm-notify: {retry: 15m}} or {command: [...]}"

  /// Where nothing is written.
  static let preset = NotificationConfiguration.builtIn(retry: NotificationConfiguration.usualRetry)

  /// `built-in`, `sm-notify`, either with `{retry: 15m}`, or `{command: [...], timeout: 60s}`
  static func read(_ value: NodeFileValue) -> NotificationConfiguration? {
    if value.isScalar {
      return value.word(["built-in", "sm-notify"], forms).map { word in
        word == "sm-notify"
          ? .smNotify(retry: NotificationConfiguration.usualRetry)
          : .builtIn(retry: NotificationConfiguration.usualRetry)
      }
    }
    guard let section = value.section(known: ["built-in", "sm-notify", "command", "timeout"]) else {
      return nil
    }
    let tellers = ["built-in", "sm-notify", "command"].filter { section.has($0) }
    guard tellers.count <= 1 else {
      section.optional(tellers[1])?.report("only one of \(tellers.joined(separator: ", ")) tells the clients")
      return nil
    }
    switch tellers.first {
    case "built-in": return retry(section.optional("built-in")).map { .builtIn(retry: $0) }
    case "sm-notify":
      guard let smNotify = section.optional("sm-notify"), let retry = retry(smNotify) else { return nil }
      // sm-notify -m takes minutes.
      guard retry.components.attoseconds == 0, retry.components.seconds % 60 == 0 else {
        smNotify.report(
          "\(DurationText.text(retry)) must be whole minutes, which is all that sm-notify takes")
        return nil
      }
      return .smNotify(retry: retry)
    default: return NodeFileCommands.command(section).map(NotificationConfiguration.command)
    }
  }

  private static func retry(_ value: NodeFileValue?) -> Duration? {
    guard let options = value?.section(known: ["retry"]) else { return nil }
    guard let retry = options.optional("retry") else { return NotificationConfiguration.usualRetry }
    return retry.duration(retries)
  }
}
