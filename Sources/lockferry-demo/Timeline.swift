import Foundation
import HostTestKit

/// What happened when, counted in milliseconds from the power cut.
struct Timeline {
  private var lines: [(milliseconds: Int?, took: Int?, what: String)] = []

  /// From the adoptive node's own history, and the callback's time of the kernel's boot clock.
  init(cut: Moment, entry: HistoryAnswer, callback: Callback) {
    lines.append((0, nil, "power cut: server a is dead"))
    let start = entry.started.map { cut.milliseconds(to: $0) }
    lines.append(
      (
        start, nil,
        "server b notices: \(entry.because); adoption number \(entry.number) begins, epoch \(entry.epoch)"
      )
    )
    for step in entry.steps {
      let words = Self.words[step.step].map { "\(step.step): \($0)" } ?? step.step
      let what = "\(words) (\(step.state == "done" ? step.detail : "\(step.state): \(step.detail)"))"
      lines.append((start.map { $0 + step.startedAtMilliseconds }, step.milliseconds, what))
    }
    lines.append(
      (
        cut.milliseconds(toBoot: callback.bootNs), nil,
        "callback: the client's rpc.statd tells the client's lock manager that \(callback.monName) restarted, state "
          + "number \(callback.state)"
      ))
    if let start { lines.append((start + entry.milliseconds, nil, "the adoption is \(entry.outcome)")) }
    let order = lines.indices.sorted { (lines[$0].milliseconds ?? 0, $0) < (lines[$1].milliseconds ?? 0, $1) }
    lines = order.map { lines[$0] }
  }

  /// What a newcomer may want to know of a step.
  private static let words = [
    "claim": "b becomes the owner by one compare-and-set in the store",
    "fence": "make sure that a is off",
    "storage": "make the file system available on b",
    "records": "put the clients' records into b's status monitor directory",
    "state": "choose a state number newer than any that clients have seen",
    "server": "make the NFS server enter its grace period",
    "address": "take the service's address",
    "notify": "tell every client that its server has restarted (SM_NOTIFY)",
    "verify": "look whether all of that is so",
  ]

  /// A table for people.
  var text: String {
    let rows = lines.map { line in
      let at = Self.padded(line.milliseconds.map { "\($0) ms" } ?? "?", to: 10)
      let took = Self.padded(line.took.map { "\($0) ms" } ?? "", to: 9)
      return "\(at) \(took)  \(line.what)"
    }
    let head = "\(Self.padded("since cut", to: 10)) \(Self.padded("took", to: 9))  what"
    return ([head] + rows).joined(separator: "\n") + "\n"
  }

  private static func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
