import Foundation
import Sidecar
import StatusMonitor

/// How far a notification is: a bar on a terminal, else a line now and then; on standard error.
final class NotificationDisplay {
  private static let width = 30
  /// Between two lines where nobody can see a bar move.
  private static let lineEvery = Duration.seconds(5)
  private static let barEvery = Duration.milliseconds(100)

  private let start = ContinuousClock.now
  private let grace: Duration?
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var shownAt: ContinuousClock.Instant?
  private var hasBar = false

  /// - Parameter grace: what is left of the server's grace period now; nil where that is not known.
  init(grace: Duration?) { self.grace = grace }

  /// The display of a notification that runs already.
  convenience init(_ status: NotificationStatus) {
    self.init(grace: status.graceLeftMilliseconds.map { .milliseconds($0) })
  }

  func show(_ progress: NotificationProgress) {
    let now = ContinuousClock.now
    guard now - (shownAt ?? start) >= (isTerminal ? Self.barEvery : Self.lineEvery) else { return }
    shownAt = now
    write(progress)
  }

  /// The bar's last word.
  func end(_ progress: NotificationProgress) {
    guard hasBar else { return }
    write(progress)
    FileHandle.standardError.write(Data("\n".utf8))
  }

  /// Where a bar would not move.
  static func line(_ status: NotificationStatus) -> String {
    let elapsed = Duration.milliseconds(status.milliseconds)
    let grace = status.graceLeftMilliseconds.map { elapsed + .milliseconds($0) }
    return "service \(status.service): \(text(status.progress, after: elapsed, grace: grace, withBar: false))"
      + (status.ended.map { " (\($0))" } ?? "")
  }

  private func write(_ progress: NotificationProgress) {
    let text = Self.text(progress, after: ContinuousClock.now - start, grace: grace, withBar: isTerminal)
    hasBar = isTerminal
    FileHandle.standardError.write(Data((isTerminal ? "\r\(text)\u{1b}[K" : text + "\n").utf8))
  }

  /// `[#######-----] 8727 of 10000 told, 12 answering, 9480/s, 41 s of grace left`
  static func text(
    _ progress: NotificationProgress, after elapsed: Duration, grace: Duration?, withBar: Bool
  ) -> String {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let filled = progress.all == 0 ? width : width * progress.told / progress.all
    let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
    var parts = ["\(progress.told) of \(progress.all) told"]
    if progress.underWay > 0 { parts.append("\(progress.underWay) answering") }
    if seconds > 0 { parts.append("\(Int(Double(progress.told) / seconds))/s") }
    if let grace {
      let left = grace - elapsed
      parts.append(left > .zero ? "\(left.components.seconds) s of grace left" : "the grace period is over")
    } else {
      parts.append("what is left of the grace period is not known")
    }
    return (withBar ? "[\(bar)] " : "") + parts.joined(separator: ", ")
  }
}

extension NotificationStatus {
  var progress: NotificationProgress { NotificationProgress(all: all, told: told, underWay: underWay) }
}
