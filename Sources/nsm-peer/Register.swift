import ArgumentParser
import Glibc
import RPCTransport
import StatusMonitor

/// `nsm-peer register`
struct Register: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks this host's status monitor to watch many peers, one after the other (SM_MON).",
    discussion: """
      One line per peer, as soon as it is answered. With --remove it asks for nobody to be watched any more (SM_UNMON).
      """)

  @Option(help: "How many peers; their names are addresses of 10.0.0.0/8.")
  var count: Int

  @Option(help: "The number of the first: 0 is 10.78.0.0, 256 is 10.78.1.0.")
  var first = 0

  @Option(help: "The name of this host, which asks.")
  var myName: String

  @Flag(help: "Cease to watch them.")
  var remove = false

  @OptionGroup var call: CallOptions

  func validate() throws {
    guard count > 0, first >= 0, first + count <= 1_000_000 else {
      throw ValidationError("--count takes 1 or more, and --first and --count together at most 1000000")
    }
  }

  func run() async throws {
    for number in first..<(first + count) {
      let address = "10.\(78 + (number >> 16)).\(number >> 8 & 255).\(number & 255)"
      let identity = MonitorIdentity(
        monName: Array(address.utf8),
        target: CallbackTarget(myName: Array(myName.utf8), program: 100_021, version: 3, procedure: 16))
      let began = nanoseconds()
      if remove {
        _ = try await call.call(.unmonitor, host: "127.0.0.1", arguments: try identity.encoded())
      } else {
        let request = MonitorRequest(identity: identity, cookie: [UInt8](repeating: 7, count: 16))
        let result = try MonitorResult(
          results: try await call.call(.monitor, host: "127.0.0.1", arguments: try request.encoded()))
        guard result.isSuccess else { throw NSMPeerError("\(address): the status monitor refuses") }
      }
      JSONLine().with("mon_name", address).with("nanoseconds", nanoseconds() - began).printNow()
    }
  }

  private func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
