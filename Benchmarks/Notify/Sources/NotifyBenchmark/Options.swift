/// Something that kept a measurement from being one.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The command line.
struct Options {
  let lockferry: String
  let peer: String
  let bare: String
  let folder: String
  /// With how many clients.
  var clients = [100, 1_000, 10_000, 100_000]
  /// How often lockferry and the bare sender take turns.
  var rounds = 3
  /// How long sm-notify may take, in seconds; 0 leaves it out.
  var bound = 60
  /// The most clients that sm-notify and the bare sender are given.
  static let comparedUpTo = 10_000

  static let usage =
    "usage: notify-benchmark LOCKFERRY NSM-PEER BARE-NOTIFY FOLDER [clients=N,N…] [rounds=N] [sm-notify=SECONDS]"

  init(_ arguments: [String]) throws {
    guard arguments.count >= 4 else { throw Failure(Self.usage) }
    (lockferry, peer, bare, folder) = (arguments[0], arguments[1], arguments[2], arguments[3])
    for argument in arguments.dropFirst(4) {
      let words = argument.split(separator: "=", maxSplits: 1)
      let numbers = words.count == 2 ? words[1].split(separator: ",").compactMap { Int($0) } : []
      switch (words.first, numbers.count) {
      case ("clients", 1...) where numbers.allSatisfy((1...1_000_000).contains): clients = numbers
      case ("rounds", 1) where (1...1_000).contains(numbers[0]): rounds = numbers[0]
      case ("sm-notify", 1) where (0...3_600).contains(numbers[0]): bound = numbers[0]
      default: throw Failure("unknown option: \(argument)\n\(Self.usage)")
      }
    }
  }
}
