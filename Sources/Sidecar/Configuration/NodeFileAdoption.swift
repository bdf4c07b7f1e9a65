internal import Cluster

/// Reading of `adoption:`.
enum NodeFileAdoption {
  private static let hour = Duration.seconds(3600)

  /// The defaults where it is missing.
  static func read(_ file: NodeFileSection) -> AdoptionConfiguration? {
    var adoption = AdoptionConfiguration()
    guard let value = file.optional("adoption") else { return adoption }
    guard
      let section = value.section(known: [
        "check_interval", "tries", "time", "rest", "witness", "witness_timeout", "flap", "vote_wait",
      ])
    else { return nil }
    let isRead = [
      NodeFileTimings.read(
        section, "check_interval", .milliseconds(100)...hour, into: &adoption.checkInterval),
      NodeFileTimings.read(section, "time", .seconds(1)...hour, into: &adoption.policy.time),
      NodeFileTimings.read(section, "rest", .seconds(1)...(hour * 24), into: &adoption.policy.rest),
      NodeFileTimings.read(
        section, "witness_timeout", .milliseconds(10)...(.seconds(60)), into: &adoption.policy.witnessTimeout),
      voteWait(section, into: &adoption.policy.voteWait),
      witnesses(section, into: &adoption.witnesses), flap(section, into: &adoption.policy.flap),
      integer(section, "tries", 1...100, into: &adoption.policy.tries),
    ].allSatisfy { $0 }
    return isRead ? adoption : nil
  }

  /// `overload:`; nil where it is missing or can't be read, which is reported.
  static func overload(_ file: NodeFileSection) -> OverloadConfiguration? {
    guard
      let section = file.optional("overload")?.section(known: [
        "load", "command", "timeout", "for", "interval",
      ])
    else { return nil }
    var (hold, interval) = (Duration.seconds(300), Duration.seconds(10))
    guard NodeFileTimings.read(section, "for", .seconds(1)...(hour * 24), into: &hold),
      NodeFileTimings.read(section, "interval", .milliseconds(100)...hour, into: &interval)
    else { return nil }
    switch (section.optional("load"), section.optional("command")) {
    case (let load?, nil):
      guard let text = load.text("a number, as in 2.5") else { return nil }
      guard let number = Double(text), (0.1...1000).contains(number) else {
        load.report("`\(text)` must be a number from 0.1 to 1000: the load average for each processor")
        return nil
      }
      return OverloadConfiguration(measure: .load(number), hold: hold, interval: interval)
    case (nil, _?):
      return NodeFileCommands.command(section).map {
        OverloadConfiguration(measure: .command($0), hold: hold, interval: interval)
      }
    default:
      file.context.report(file.position(of: "overload"), "overload: needs either `load` or `command`")
      return nil
    }
  }

  private static func voteWait(_ section: NodeFileSection, into target: inout Duration?) -> Bool {
    guard let value = section.optional("vote_wait") else { return true }
    target = value.duration(.milliseconds(100)...(.seconds(60)))
    return target != nil
  }

  private static func witnesses(_ section: NodeFileSection, into target: inout [HealthProbe.Program]) -> Bool
  {
    guard let value = section.optional("witness") else { return true }
    guard let elements = value.list(of: "RPC programs, as in {program: nfs}") else { return false }
    let programs = elements.map(NodeFileHealth.witness)
    target = programs.compactMap { $0 }
    return !programs.contains { $0 == nil }
  }

  /// `3 in 1h` or `none`.
  private static func flap(_ section: NodeFileSection, into target: inout FlapLimit?) -> Bool {
    guard let value = section.optional("flap") else { return true }
    guard let text = value.text("as in `3 in 1h`, or `none`") else { return false }
    if text == "none" {
      target = nil
      return true
    }
    let words = text.split(separator: " ")
    guard words.count == 3, words[1] == "in", let number = Int(words[0]),
      (1...FlapLimit.most).contains(number),
      let window = try? DurationText.parse(String(words[2])), (.seconds(1)...(hour * 24 * 7)).contains(window)
    else {
      value.report(
        "`\(text)` must be a number from 1 to \(FlapLimit.most), `in` and a duration up to 168h, as in `3 in 1h`, or `none`"
      )
      return false
    }
    target = FlapLimit(adoptions: number, window: window)
    return true
  }

  /// False where the key is there and can't be read.
  private static func integer(
    _ section: NodeFileSection, _ key: String, _ range: ClosedRange<Int>, into target: inout Int
  ) -> Bool {
    guard let value = section.optional(key) else { return true }
    guard let number = value.integer(range) else { return false }
    target = number
    return true
  }
}
