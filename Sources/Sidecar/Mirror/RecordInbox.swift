import Cluster
import StatusMonitor
import Synchronization

/// What a mirror sees in its status directory, for somebody else who takes it when it suits him: of each record the last
/// sight, so that it never holds more than the directory does.
final class RecordInbox: Sendable {
  /// A record as it was seen last.
  struct Sight: Sendable, Equatable {
    var record: [UInt8]
    /// It was written since the inbox is there, whatever it says: it had been removed, or a callout told of it.
    var isNew: Bool
    /// rpc.statd has put it into its place since the inbox is there: with a line more, with one less, or, where NFS-Ganesha
    /// asks, which has no cookies, with the same lines as before.
    var isRewritten: Bool
    var at: BootInstant
  }

  private struct Content {
    var sights: [ClientName: Sight] = [:]
    var gone: Set<ClientName> = []
  }

  private let content = Mutex(Content())
  private let since: BootInstant

  /// An empty one, made `now`.
  init(since now: BootInstant = .now) { since = now }

  /// A record was read.
  ///
  /// - Parameter rewrittenAt: when rpc.statd has put it into its place; nil where it has not.
  func see(
    _ client: ClientName, _ record: [UInt8], isNew: Bool = false, rewrittenAt: BootInstant? = nil,
    at now: BootInstant = .now
  ) {
    content.withLock { content in
      let wasGone = content.gone.remove(client) != nil
      let last = content.sights[client]
      let isNew = isNew || wasGone || last?.isNew == true
      let isRewritten = rewrittenAt.map { $0 > since } ?? (last?.isRewritten == true)
      content.sights[client] = Sight(
        record: record, isNew: isNew, isRewritten: isRewritten, at: now)
    }
  }

  /// A record has gone: where it comes back, it is new.
  func lose(_ client: ClientName) {
    content.withLock { _ = $0.gone.insert(client) }
  }

  /// What was seen since the last time.
  func take() -> [ClientName: Sight] {
    content.withLock { content in
      defer { content.sights = [:] }
      return content.sights
    }
  }
}
