import ArgumentParser

/// How many of all: `5%` or a number.
enum Share: Equatable, Sendable, ExpressibleByArgument {
  case fraction(Double)
  case number(Int)

  init?(argument: String) {
    if argument.hasSuffix("%") {
      guard let percent = Percent(argument: argument) else { return nil }
      self = .fraction(percent.fraction)
    } else {
      guard let number = Int(argument), number >= 0 else { return nil }
      self = .number(number)
    }
  }

  var defaultValueDescription: String { self == .number(0) ? "none" : "" }

  /// A fraction is rounded to the nearest number.
  func count(of all: Int) -> Int {
    switch self {
    case .fraction(let fraction): Int((fraction * Double(all)).rounded())
    case .number(let number): min(number, all)
    }
  }
}

/// A likelihood: `30%`.
struct Percent: Equatable, Sendable, ExpressibleByArgument {
  let fraction: Double

  static let never = Percent(fraction: 0)

  init(fraction: Double) { self.fraction = fraction }

  init?(argument: String) {
    guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()), (0...100).contains(percent)
    else { return nil }
    fraction = percent / 100
  }

  var defaultValueDescription: String { self == .never ? "none" : "" }

  /// The draws below this value are hits, of all 2³² values that a draw can have.
  var threshold: UInt64 { UInt64(fraction * 4_294_967_296) }
}
