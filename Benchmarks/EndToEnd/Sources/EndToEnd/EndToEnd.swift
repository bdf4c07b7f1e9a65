import Glibc

/// Measures `lockferry run` from outside against what the same disk does without it.
///
/// Runs inside the private namespaces that `scripts/bench/end-to-end` makes. Usage: `end-to-end LOCKFERRY FOLDER
/// [single=N] [cold=N] [idle=SECONDS] [statd]`. FOLDER is empty and lies on the disk to measure. 0 leaves a part
/// out. Exits 1 where an aim is missed, 2 where nothing could be measured.
@main
struct EndToEnd {
  static func main() {
    do {
      let options = try Options(Array(CommandLine.arguments.dropFirst()))
      exit(try measure(options) ? 0 : 1)
    } catch {
      print("end-to-end: \(error)")
      exit(2)
    }
  }

  private static func measure(_ options: Options) throws -> Bool {
    var isWell = true
    if options.single > 0 {
      var single = SingleRecords(count: options.single)
      let node = try options.node("single")
      isWell = try single.run(node, bareFolder: options.folder + "/bare") && isWell
      fflush(nil)
    }
    let node = try options.node("many")
    if options.cold > 0 || options.idle > 0 { try Records.fill(node.records) }
    if options.cold > 0 {
      isWell =
        try ColdStart(rounds: options.cold).run(node, copyFolder: options.folder + "/copy") && isWell
      fflush(nil)
    }
    if options.idle > 0 { isWell = try IdleDaemon(seconds: UInt32(options.idle)).run(node) && isWell }
    return isWell
  }
}

/// The command line.
struct Options {
  let program: String
  let folder: String
  var single = 400
  var cold = 5
  var idle = 300
  /// rpc.statd runs here and is probed.
  var hasStatd = false

  init(_ arguments: [String]) throws {
    guard arguments.count >= 2 else { throw Failure("usage: end-to-end LOCKFERRY FOLDER [OPTION…]") }
    (program, folder) = (arguments[0], arguments[1])
    for argument in arguments.dropFirst(2) {
      let words = argument.split(separator: "=", maxSplits: 1)
      let number = words.count == 2 ? Int(words[1]).flatMap { (0...100_000).contains($0) ? $0 : nil } : nil
      switch (words.first, number) {
      case ("single", let number?): single = number
      case ("cold", let number?): cold = number
      case ("idle", let number?): idle = number
      case ("statd", nil): hasStatd = true
      default: throw Failure("unknown option: \(argument)")
      }
    }
  }

  func node(_ name: String) throws -> Node {
    try Node(program: program, folder: "\(folder)/\(name)", probesStatd: hasStatd)
  }
}
