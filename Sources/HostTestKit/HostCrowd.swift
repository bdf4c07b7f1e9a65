import Foundation
import Glibc

/// `nsm-peer crowd` in a host: many clients on addresses of the host's own loopback.
public struct HostCrowd: Sendable {
  /// The program.
  public let program: HostProgram
  /// What the clients' addresses are.
  public let addresses: [String]
  private let reportPath: String

  init(program: HostProgram, addresses: [String], reportPath: String) {
    self.program = program
    self.addresses = addresses
    self.reportPath = reportPath
  }

  /// Waits until the crowd has ended by itself, for it was told to end when so many are told, and returns what it
  /// heard.
  public func end(within limit: Duration = .seconds(60)) async throws -> CrowdAnswer {
    try await program.waitForEnd(within: limit)
    return try report()
  }

  /// Ends the crowd, and returns what it heard.
  public func stop() async throws -> CrowdAnswer {
    try await program.terminate()
    return try report()
  }

  /// Waits until the crowd has fallen silent, as it was started to.
  public func waitUntilHeld(within limit: Duration = .seconds(60)) async throws {
    try await eventually(within: limit, "\(program.name) is silent") {
      if let end = program.end { throw HostTestError("\(program.name): \(end): \(program.errors)") }
      return program.output.contains("held_at")
    }
  }

  /// Makes a silent crowd answer again.
  public func resume() { program.send(SIGUSR1) }

  private func report() throws -> CrowdAnswer {
    guard let text = try? String(contentsOfFile: reportPath, encoding: .utf8) else {
      throw HostTestError("\(program.name) left no report: \(program.errors)")
    }
    return try answer(CrowdAnswer.self, from: text, of: program.name)
  }
}

extension TestHost {
  /// Starts a crowd, IPv4 from 127.1.0.1 on or IPv6 from fd00:1::1 on, and waits until its clients can be told.
  ///
  /// - Parameter options: further options of `nsm-peer crowd`, such as faults.
  public func startCrowd(
    clients: Int, isIPv6: Bool = false, names: [String] = [], _ options: [String] = []
  ) async throws -> HostCrowd {
    let (ready, report) = ("\(disk)/crowd-\(UUID())", "\(disk)/crowd-\(UUID()).json")
    if isIPv6 {
      // "replace": a second crowd finds the route there.
      try await run(["ip", "-6", "route", "replace", "local", "fd00:1::/64", "dev", "lo"]).orThrow()
    }
    let first = isIPv6 ? "fd00:1::1" : "127.1.0.1"
    let program = try await start(
      [
        HostTestKit.builtProgram("nsm-peer"), "crowd", "--clients", "\(clients)", "--first", first,
        "--ready", ready, "--report", report, "--timeout", "600",
      ] + names.flatMap { ["--name", $0] } + options)
    try await eventually("\(program.name) is ready") {
      if let end = program.end { throw HostTestError("\(program.name): \(end): \(program.errors)") }
      return FileManager.default.fileExists(atPath: ready)
    }
    let addresses = (1...clients).map { number in
      isIPv6 ? "fd00:1::" + String(number, radix: 16) : "127.1.\(number >> 8).\(number & 0xff)"
    }
    return HostCrowd(program: program, addresses: addresses, reportPath: report)
  }
}

/// The report of `nsm-peer crowd`.
public struct CrowdAnswer: Decodable, Sendable {
  /// All clients together.
  public let summary: Summary
  /// One by one.
  public let clients: [Client]

  /// All clients together.
  public struct Summary: Decodable, Sendable {
    /// How many clients there are.
    public let clients: Int
    /// Of these, could be told by a sender that never gives up.
    public let tellable: Int
    /// Heard every name.
    public let told: Int
    /// Could be told and weren't.
    public let untoldTellable: Int
    /// Notifications received.
    public let notifications: Int
    /// Of these, repetitions.
    public let duplicates: Int
    /// Since the first packet.
    public let seconds: Times
    /// How many clients heard each name.
    public let names: [Count]
    /// How many clients heard each state number.
    public let states: [Count]
    /// Where notifications came from.
    public let sources: [Source]
    /// Packets.
    public let packets: Packets
  }

  /// When clients had heard everything.
  public struct Times: Decodable, Sendable {
    /// The first client.
    public let first: Double?
    /// Half of them.
    public let median: Double?
    /// 95 % of them.
    public let p95: Double?
    /// All of them.
    public let last: Double?
  }

  /// How many clients heard a value.
  public struct Count: Decodable, Sendable, Equatable {
    /// The value as text.
    public let value: String
    /// The clients.
    public let clients: Int
  }

  /// An address that notified.
  public struct Source: Decodable, Sendable, Equatable {
    /// The address.
    public let address: String
    /// Its notifications.
    public let notifications: Int
    /// Of these, from ports below 1024.
    public let privileged: Int
  }

  /// Packets.
  public struct Packets: Decodable, Sendable {
    /// Datagrams that came.
    public let received: Int
    /// Port look-ups.
    public let lookUps: Int
    /// NULL calls.
    public let nullCalls: Int
    /// What the kernel threw away because the crowd was too slow.
    public let droppedByKernel: Int
    /// Connections.
    public let connections: Int
  }

  /// One client.
  public struct Client: Decodable, Sendable {
    /// Its address.
    public let address: String
    /// What is wrong with it.
    public let faults: [String]
    /// Could be told by a sender that never gives up.
    public let tellable: Bool
    /// Heard every name under one state number.
    public let told: Bool
    /// What it heard.
    public let notifications: [Notification]
  }

  /// A name and state number that a client heard.
  public struct Notification: Decodable, Sendable {
    /// The name.
    public let name: String
    /// The state number.
    public let state: Int
    /// Since the crowd's first packet.
    public let firstSeconds: Double
    /// How often over UDP.
    public let udp: Int
    /// How often over TCP.
    public let tcp: Int
    /// Where the first came from.
    public let source: String
    /// From which port.
    public let port: Int
  }
}
