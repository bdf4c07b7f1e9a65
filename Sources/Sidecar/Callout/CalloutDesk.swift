import CalloutProtocol
import Cluster
import Logging
import NodeHost
import SharedStore
import StatusMonitor

/// Answers statd's callouts: a record is durable, or it is not, and why.
actor CalloutDesk {
  /// Between two attempts to hand on what lay in the spool.
  private static let spoolPause = Duration.seconds(1)

  private let places: CalloutPlaces
  private let settings: CalloutSettings
  private let mirror: MirrorShell
  /// Whose clients this desk's status monitor records.
  private let isConcerned: @Sendable (ServiceName) -> Bool
  private let shell: NodeShell
  private let restarts: RestartLedger
  private let spool: CalloutSpool
  private let listener: CalloutListener
  private let events: AsyncStream<CalloutListener.Event>
  private let log: Logger
  private var counts: NodeStatus.Callout
  private var lastRefusalAt: BootInstant?

  init(
    configuration: NodeConfiguration, runDirectory: String, mirror: MirrorShell, shell: NodeShell,
    store: any SharedStore, log: Logger, concerns isConcerned: @escaping @Sendable (ServiceName) -> Bool
  ) throws {
    places = CalloutPlaces(runDirectory: runDirectory)
    self.isConcerned = isConcerned
    settings = CalloutSettings(limitMilliseconds: configuration.calloutLimit.wholeMilliseconds)
    self.mirror = mirror
    self.shell = shell
    self.log = log
    restarts = RestartLedger(
      mirror: mirror, store: store, limit: max(configuration.beats.storeTimeout, .seconds(5)),
      node: configuration.node, log: log, ownerBytes: { await shell.ownerBytes($0, $1) })
    spool = CalloutSpool(places)
    // Whoever floods us with refusals fills no memory.
    let (events, event) = AsyncStream.makeStream(
      of: CalloutListener.Event.self, bufferingPolicy: .bufferingOldest(100))
    self.events = events
    listener = try CalloutListener(
      places: places, settings: settings, directory: mirror.directory, onEvent: { event.yield($0) })
    counts = NodeStatus.Callout(socket: places.socket)
  }

  /// Listens until the task is cancelled.
  func run() async {
    do {
      try listener.start()
    } catch {
      counts.problem = "\(error)"
      log.error("callouts are not heard", metadata: ["error": "\(error)"])
      return
    }
    await withDiscardingTaskGroup { group in
      group.addTask { await self.restarts.run() }
      group.addTask { await self.follow() }
      group.addTask { await self.deliverSpool() }
      for await question in listener.questions {
        group.addTask {
          let reply = await self.answer(question)
          self.listener.answer(question.number, reply)
        }
      }
      listener.stop()
      group.cancelAll()
    }
  }

  /// What was heard since the daemon started.
  func status() -> NodeStatus.Callout { counts }

  // MARK: - Questions

  private func answer(_ question: CalloutListener.Question) async -> CalloutReply {
    switch question.request {
    case .ping: return CalloutReply(.heard)
    case .addClient(let names): return await add(names, fresh: question.record)
    case .deleteClient(let names):
      guard await whyNotMirrored().isEmpty, await mirror.leave(names) else {
        return CalloutReply(.notDurable, "the mirror has not read the store yet")
      }
      heard(\.departures)
      return CalloutReply(.heard)
    case .restart(let restart):
      heard(\.restarts)
      if await restarts.note(restart) {
        log.notice(
          "a client says that it has restarted",
          metadata: [
            "client": "\(text(restart.monName))", "source": "\(text(restart.source))",
            "state": "\(restart.state.map(String.init) ?? "none")",
          ])
      }
      return CalloutReply(.heard)
    }
  }

  private func add(
    _ names: CalloutRequest.Names, fresh: CalloutListener.FreshRecord?
  ) async -> CalloutReply {
    let began = BootInstant.now
    var addition = await mirror.add(names, fresh: fresh)
    let missing = await whyNotMirrored()
    if !missing.isEmpty {
      var problems = missing
      if case .notDurable(let reason) = addition { problems.append(reason) }
      addition = .notDurable(because: problems.joined(separator: "; "))
    }
    let took = BootInstant.now - began
    counts.lastMilliseconds = took.wholeMilliseconds
    switch addition {
    case .durable where took.wholeMilliseconds < settings.limitMilliseconds:
      heard(\.durable)
      return CalloutReply(.durable)
    case .durable:
      heard(\.late)
      return CalloutReply(.durable)
    case .notMirrored:
      heard(\.notMirrored)
      return CalloutReply(.nothingOwned)
    case .notDurable(let reason):
      heard(\.notDurable)
      log.warning(
        "a lock may be granted whose record is not in the store",
        metadata: ["client": "\(text(names.monName))", "because": "\(reason)"])
      return CalloutReply(.notDurable, reason)
    }
  }

  private func whyNotMirrored() async -> [String] {
    let others = shell.configuration.services.map(\.name).filter { !isConcerned($0) }
    return await shell.instance.whyNotMirrored(besides: mirror.mirrored.union(others))
  }

  private func heard(_ count: WritableKeyPath<NodeStatus.Callout, Int>) {
    counts[keyPath: count] += 1
    counts.source = "callout"
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).printable }

  // MARK: - The listener

  private func follow() async {
    for await event in events {
      switch event {
      case .listening(let user):
        counts.listening = true
        counts.problem = nil
        log.info("callouts are heard", metadata: ["socket": "\(places.socket)", "user": "\(user)"])
      case .deaf(let reason):
        counts.listening = false
        counts.problem = reason
        log.warning("callouts are not heard", metadata: ["error": "\(reason)"])
      case .refused(let reason):
        counts.refused += 1
        // Once a second at most: whoever is refused can come again at once.
        if let last = lastRefusalAt, BootInstant.now - last < .seconds(1) { continue }
        lastRefusalAt = .now
        log.warning("a callout is refused", metadata: ["reason": "\(reason)"])
      }
    }
  }

  // MARK: - The spool

  private func deliverSpool() async {
    for await _ in listener.spooled {
      while !Task.isCancelled, await !deliver() { try? await Task.sleep(for: Self.spoolPause) }
    }
  }

  /// False where there is something, and nobody yet to hand it to.
  private func deliver() async -> Bool {
    let spool = spool
    guard (try? await OwnThread.run("lf-spool") { spool.isEmpty }) == false else { return true }
    guard await whyNotMirrored().isEmpty, await mirror.isReady else { return false }
    guard let content = try? await OwnThread.run("lf-spool", { try spool.take() }) else { return false }
    var added = 0
    for request in content.requests {
      switch request {
      case .addClient: added += 1
      case .deleteClient(let names): _ = await mirror.leave(names)
      case .restart(let restart): _ = await restarts.note(restart)
      case .ping: break
      }
    }
    // statd's own files say more than the spool does.
    if added > 0 { await mirror.readAgain() }
    counts.spooled += content.requests.count
    if !content.requests.isEmpty || content.worthless > 0 {
      log.notice(
        "took what callouts could not deliver",
        metadata: [
          "requests": "\(content.requests.count)", "new_clients": "\(added)",
          "worthless": "\(content.worthless)",
        ])
    }
    return true
  }
}
