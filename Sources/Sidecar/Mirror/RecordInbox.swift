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
    var at: BootInstant
  }

  private struct Content {
    var sights: [ClientName: Sight] = [:]
    var gone: Set<ClientName> = []
  }

  private let content = Mutex(Content())

  /// A record was read.
  func see(_ client: ClientName, _ record: [UInt8], isNew: Bool = false, at now: BootInstant = .now) {
    content.withLock { content in
      let wasGone = content.gone.remove(client) != nil
      let isNew = isNew || wasGone || content.sights[client]?.isNew == true
      content.sights[client] = Sight(record: record, isNew: isNew, at: now)
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
