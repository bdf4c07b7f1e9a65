import ArgumentParser
import RPCTransport
import StatusMonitor

/// Over what a status monitor is called.
enum Transport: String, ExpressibleByArgument, CaseIterable {
  case udp
  case tcp

  var rpcProtocol: RPCProtocol {
    switch self {
    case .udp: .udp
    case .tcp: .tcp
    }
  }
}

/// How a status monitor is reached.
struct CallOptions: ParsableArguments {
  @Option(help: "Call over udp or tcp.")
  var transport: Transport = .udp

  @Option(help: "Seconds after which no answer is awaited any more.")
  var limit: Double = 10

  /// Calls a procedure of the status monitor on `host`.
  func call(
    _ procedure: StatusMonitorProgram.Procedure, host: String, arguments: [UInt8] = []
  ) async throws -> [UInt8] {
    try await RPCClient(host: host, over: transport.rpcProtocol).call(
      program: StatusMonitorProgram.number, version: StatusMonitorProgram.version,
      procedure: procedure.rawValue, arguments: arguments, within: .seconds(limit))
  }

  func validate() throws {
    guard limit > 0, limit <= 3_600 else { throw ValidationError("--limit takes more than 0, at most 3600") }
  }
}

/// Which peer is watched, and for whom.
struct IdentityOptions: ParsableArguments {
  @Option(help: "The peer to watch: a name or an address.")
  var monName: String

  @Option(help: "The name of this host, which asks.")
  var myName: String

  @Option(help: "The program to call back.")
  var program: UInt32 = 100_021

  @Option(help: "Its version.")
  var version: UInt32 = 3

  @Option(help: "Its procedure.")
  var procedure: UInt32 = 16

  var identity: MonitorIdentity {
    MonitorIdentity(
      monName: Array(monName.utf8),
      target: CallbackTarget(
        myName: Array(myName.utf8), program: program, version: version, procedure: procedure))
  }
}

/// 16 bytes written as 32 hexadecimal digits.
struct Cookie: ExpressibleByArgument {
  let bytes: [UInt8]

  init?(argument: String) {
    let digits = argument.compactMap(\.hexDigitValue)
    guard digits.count == 32, argument.utf8.count == 32 else { return nil }
    bytes = stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  var defaultValueDescription: String { hexadecimal(bytes) }
}

/// Two digits a byte.
func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
