public import Logging
import NodeHost
import RPCTransport
public import ServiceLifecycle
import StatusMonitor

/// A status monitor (NSM version 1, program 100024) in the place of rpc.statd: `lockferry statd`.
public struct StatusMonitorService: Service, CustomStringConvertible {
  private static let netIDs = ["udp", "tcp", "udp6", "tcp6"]

  private let options: StatusMonitorOptions
  private let log: Logger
  private let onReady: @Sendable () throws -> Void

  /// What it is called in the log.
  public var description: String { "status monitor" }

  /// A status monitor that isn't running yet.
  ///
  /// - Parameter onReady: called when it is registered; if it throws, the status monitor ends.
  public init(
    _ options: StatusMonitorOptions, log: Logger, onReady: @escaping @Sendable () throws -> Void
  ) {
    self.options = options
    self.log = log
    self.onReady = onReady
  }

  /// Serves until it is shut down gracefully. The process is not root's any more when this returns.
  ///
  /// - Throws: ``StatusMonitorServiceError``, or what is wrong with directory, ports or rpcbind.
  public func run() async throws {
    try await makeWay()
    let inbox = try Inbox()
    let (bound, binding) = AsyncStream.makeStream(of: [RPCServer.Endpoint].self)
    let (options, log) = (options, log)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        // Ends when the loop does, whether it was told to or failed.
        try await OwnThread.run("lf-statd") {
          defer { binding.finish() }
          var loop = try StatusMonitorLoop(options, inbox: inbox, log: log)
          binding.yield(loop.endpoints)
          loop.run()
        }
      }
      do {
        for await endpoints in bound.prefix(1) {
          try await register(endpoints)
          do {
            try onReady()
          } catch {
            await unregister(endpoints)
            throw error
          }
          try? await gracefulShutdown()
          await unregister(endpoints)
        }
      } catch {
        inbox.add(.stop)
        throw error
      }
      inbox.add(.stop)
      try await group.waitForAll()
    }
  }

  /// Takes back what an earlier status monitor left registered, as root, which rpcbind lets take back anybody's.
  ///
  /// - Throws: ``StatusMonitorServiceError`` where one answers still.
  private func makeWay() async throws {
    let (program, version) = (StatusMonitorProgram.number, StatusMonitorProgram.version)
    for transport in RPCProtocol.allCases {
      let port: UInt16?
      do throws(RPCError) {
        port = try await PortMapper.port(
          program: program, version: version, protocol: transport, host: "127.0.0.1", within: .seconds(5))
      } catch {
        throw StatusMonitorServiceError(.noPortMapper, "\(error); start rpcbind first")
      }
      guard port != nil else { continue }
      do throws(RPCError) {
        try await NullCall.run(
          program: program, version: version, over: transport, host: "127.0.0.1", within: .seconds(3))
      } catch {
        log.info("replaces the registration of a status monitor that doesn't answer: \(error)")
        continue
      }
      throw StatusMonitorServiceError(
        .alreadyRunning,
        "a status monitor answers on this host already, over \(transport.rawValue); stop it first "
          + "(systemctl stop rpc-statd)")
    }
    for netID in Self.netIDs {
      try await PortMapper.unregister(program: program, version: version, netID: netID)
    }
  }

  private func register(_ endpoints: [RPCServer.Endpoint]) async throws {
    for endpoint in endpoints {
      do throws(RPCError) {
        try await PortMapper.register(
          program: StatusMonitorProgram.number, version: StatusMonitorProgram.version, endpoint: endpoint)
      } catch {
        // An rpcbind without IPv6 is no reason to serve nobody.
        guard endpoint.netID.hasSuffix("6") else {
          throw StatusMonitorServiceError(.noPortMapper, "\(error)")
        }
        log.warning("\(error)")
      }
    }
    let shown = endpoints.map { "\($0.netID) \($0.port)" }.joined(separator: ", ")
    log.notice("status monitor is registered", metadata: ["ports": "\(shown)"])
  }

  private func unregister(_ endpoints: [RPCServer.Endpoint]) async {
    for endpoint in endpoints {
      do throws(RPCError) {
        try await PortMapper.unregister(
          program: StatusMonitorProgram.number, version: StatusMonitorProgram.version, netID: endpoint.netID,
          within: .seconds(1))
      } catch {
        log.warning("the registration stays behind: \(error)")
      }
    }
  }
}

/// Why a status monitor doesn't run.
public struct StatusMonitorServiceError: Error, Sendable, CustomStringConvertible {
  /// What kind of reason; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind { case alreadyRunning, noPortMapper }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// A status monitor answers on this host.
    public static let alreadyRunning = Code(.alreadyRunning)
    /// rpcbind doesn't answer, or refuses.
    public static let noPortMapper = Code(.noPortMapper)
  }

  /// The kind of reason.
  public let code: Code
  /// What the operator should read.
  public let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
