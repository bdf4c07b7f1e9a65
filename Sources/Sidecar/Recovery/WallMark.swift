import Cluster
import Foundation

/// A moment by both clocks, so that moments of the boot clock around it can be told to people, always in the same words.
struct WallMark: Codable, Sendable, Equatable {
  /// Of the boot clock.
  let bootMilliseconds: Int
  /// Seconds since 1970.
  let wall: Double

  /// Now.
  init() {
    bootMilliseconds = BootInstant.now.sinceBoot.wholeMilliseconds
    wall = Date().timeIntervalSince1970
  }

  /// The moment itself.
  var instant: BootInstant { BootInstant(sinceBoot: .milliseconds(bootMilliseconds)) }

  /// ISO 8601 in UTC with milliseconds.
  func text(of moment: BootInstant) -> String {
    let elapsed = moment.sinceBoot.wholeMilliseconds - bootMilliseconds
    return Date(timeIntervalSince1970: wall + Double(elapsed) / 1000)
      .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
