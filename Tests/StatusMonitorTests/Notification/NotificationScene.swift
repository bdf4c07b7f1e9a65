import ONCRPC
import Testing

@testable import StatusMonitor

/// A schedule and what a test says to it, in milliseconds from its start.
struct NotificationScene {
  typealias Directive = NotificationSchedule.Directive
  typealias Datagram = NotificationSchedule.Datagram

  var schedule: NotificationSchedule

  init(
    _ clients: [NotificationClient], purpose: NotificationErrand.Purpose? = nil, names: [String] = ["nfs"],
    salt: UInt32 = 0x5a5a_5a5a, timings: (inout NotificationTimings) -> Void = { _ in }
  ) throws {
    var patience = NotificationTimings(gracePeriod: .seconds(50), limit: .seconds(900))
    timings(&patience)
    let number = try #require(StateNumber(9))
    schedule = NotificationSchedule(
      try NotificationErrand(purpose ?? .tell(names: names, number: number)), to: clients, timings: patience,
      salt: salt)
  }

  mutating func tick(at milliseconds: Int) -> [Directive] {
    schedule.onTick(now: .milliseconds(milliseconds))
  }

  /// Ticks whenever the schedule wants, until this moment; everything that it said, with the moments.
  mutating func ticks(until milliseconds: Int) -> [(moment: Int, directive: Directive)] {
    var all: [(Int, Directive)] = []
    var calls = 0
    while let wake = schedule.wake, wake <= .milliseconds(milliseconds), calls < 100_000 {
      calls += 1
      let moment = Int(wake / .milliseconds(1))
      all += schedule.onTick(now: wake).map { (moment, $0) }
    }
    #expect(calls < 100_000, "wakes for ever")
    return all
  }

  mutating func answer(
    _ datagram: Datagram, _ outcome: RPCReply.Outcome = .success([]), from source: HostAddress? = nil,
    at milliseconds: Int
  ) -> [Directive] {
    schedule.onReply(
      RPCReply(transactionID: datagram.transactionID, outcome).message, from: source ?? datagram.address,
      now: .milliseconds(milliseconds))
  }

  /// The client's rpcbind says where the status monitor is; 0 that it is not.
  mutating func answer(
    _ datagram: Datagram, port: UInt16, from source: HostAddress? = nil, at milliseconds: Int
  ) throws -> [Directive] {
    answer(
      datagram, .success(try portResults(datagram.call, port: port)), from: source, at: milliseconds)
  }

  var problem: NotificationProblem? { schedule.ledger(0).problem }
}

/// What rpcbind says in the version of the call.
func portResults(_ call: NotificationErrand.Call, port: UInt16) throws -> [UInt8] {
  var writer = XDRWriter()
  if call == .port {
    writer.uint32(UInt32(port))
  } else {
    try writer.opaque(port == 0 ? [] : Array("::.\(port >> 8).\(port & 0xff)".utf8), atMost: 64)
  }
  return writer.bytes
}

extension [NotificationSchedule.Directive] {
  var sent: [NotificationSchedule.Datagram] {
    compactMap {
      if case .send(let datagram) = $0 { datagram } else { nil }
    }
  }
  var told: [Int] {
    compactMap {
      if case .told(let client) = $0 { client } else { nil }
    }
  }
  var resolved: [String] {
    compactMap {
      if case .resolve(client: _, let name) = $0 { name } else { nil }
    }
  }
  var conversations: [Int] {
    compactMap {
      if case .converse(let client, address: _, unsaid: _) = $0 { client } else { nil }
    }
  }
}

/// 10.0.x.y
func ipv4(_ host: Int) -> HostAddress {
  address([10, 0, UInt8(host >> 8 & 0xff), UInt8(host & 0xff)])
}

/// fd00::x
func ipv6(_ host: Int) -> HostAddress {
  address([0xfd, 0] + [UInt8](repeating: 0, count: 12) + [UInt8(host >> 8 & 0xff), UInt8(host & 0xff)])
}

func address(_ bytes: [UInt8]) -> HostAddress {
  guard let address = HostAddress(bytes: bytes) else { preconditionFailure("\(bytes) is no address") }
  return address
}

func literal(_ address: HostAddress, recency: UInt64 = 0, wasToldBefore: Bool = false) throws
  -> NotificationClient
{
  NotificationClient(
    name: try ClientName(address.description), destination: .address(address), recency: recency,
    wasToldBefore: wasToldBefore)
}

func named(_ name: String, recency: UInt64 = 0, wasToldBefore: Bool = false) throws -> NotificationClient {
  NotificationClient(
    name: try ClientName(name), destination: .name(name), recency: recency, wasToldBefore: wasToldBefore)
}
