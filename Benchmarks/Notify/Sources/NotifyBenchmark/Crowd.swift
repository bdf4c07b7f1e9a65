import Glibc

/// The clients of one measurement: `nsm-peer crowd`, which keeps the time.
struct Crowd {
  let program: Program
  let count: Int
  private let output: String

  static let firstAddress = "127.1.0.1"

  /// Starts it and waits until the clients can be told.
  ///
  /// - Parameter bound: it ends by itself when all are told or after so many seconds; nil: when it is ended.
  init(_ options: Options, clients: Int, names: [String], bound: Int?) throws {
    count = clients
    output = options.folder + "/crowd.json"
    let (ready, errors) = (options.folder + "/ready", options.folder + "/crowd.errors")
    unlink(ready)
    var arguments = [options.peer, "crowd", "--clients", "\(clients)", "--first", Self.firstAddress]
    arguments += ["--ready", ready] + names.flatMap { ["--name", $0] }
    if let bound { arguments += ["--until-told", "\(clients)", "--timeout", "\(bound)"] }
    program = try Program(arguments, output: output, errors: errors)
    while !Disk.exists(ready) {
      if try program.wait(within: .milliseconds(10)) != nil {
        throw Failure("the crowd can't start: \(try Disk.contents(errors))")
      }
    }
  }

  /// What it heard, after its end.
  func heard() throws -> Heard {
    let text = try Disk.contents(output)
    guard let told = Self.number("told", in: text), let first = Self.number("first_packet_boot_ns", in: text),
      let received = Self.number("received", in: text),
      let dropped = Self.number("dropped_by_kernel", in: text)
    else { throw Failure("the crowd's report can't be read: \(text)") }
    return Heard(
      told: Int(told), firstPacketAt: Int64(first), last: Self.number("last", in: text),
      received: Int(received), dropped: Int(dropped))
  }

  struct Heard {
    let told: Int
    let firstPacketAt: Int64
    /// From the first packet until the last client was told, in seconds.
    let last: Double?
    let received: Int
    /// Packets that the crowd was too slow for.
    let dropped: Int
  }

  /// The first number with this name; nil where it is null.
  private static func number(_ name: String, in text: String) -> Double? {
    guard let place = text.firstRange(of: "\"\(name)\":") else { return nil }
    return Double(text[place.upperBound...].prefix { $0.isNumber || $0 == "." || $0 == "e" || $0 == "-" })
  }

  /// The address of a client as the crowd numbers them.
  static func address(_ client: Int) -> String {
    let value = 0x7f01_0001 + client
    return "\(value >> 24).\(value >> 16 & 0xff).\(value >> 8 & 0xff).\(value & 0xff)"
  }
}
