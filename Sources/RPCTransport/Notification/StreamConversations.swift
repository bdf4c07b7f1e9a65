import CLinux
import Glibc
import StatusMonitor

/// The conversations that are under way; for one thread.
struct StreamConversations: ~Copyable {
  /// An epoll instance, which is readable when a conversation can go on.
  let watch: Int32
  private var conversations: [Int: StreamConversation] = [:]
  private var tags = [Int64](repeating: 0, count: Int(LFN_BATCH))

  /// Takes over an epoll instance.
  init(owning watch: Int32) { self.watch = watch }

  deinit {
    for var conversation in conversations.values { conversation.hangUp() }
    close(watch)
  }

  /// When the next one is over unless it goes on.
  var earliestDeadline: Duration? { conversations.values.lazy.map(\.deadline).min() }

  mutating func begin(_ conversation: StreamConversation) -> [StreamConversation.Event] {
    var conversation = conversation
    let events = conversation.begin()
    return keep(conversation, events)
  }

  /// Ends the conversation with a client that has nothing more to hear; whether there was one.
  mutating func end(_ client: Int) -> Bool {
    guard var conversation = conversations.removeValue(forKey: client) else { return false }
    conversation.hangUp()
    return true
  }

  /// What has happened in one batch of those that could go on.
  mutating func goOn(now: Duration) -> [(client: Int, events: [StreamConversation.Event])] {
    var news: [(client: Int, events: [StreamConversation.Event])] = []
    let count = lfn_ready(watch, &tags, Int32(tags.count))
    for index in 0..<max(Int(count), 0) {
      guard var conversation = conversations.removeValue(forKey: Int(tags[index])) else { continue }
      let events = conversation.onReady(now: now)
      news.append((conversation.client, keep(conversation, events)))
    }
    return news
  }

  /// Ends those whose time is up.
  mutating func endOverdue(now: Duration) -> [Int] {
    let overdue = conversations.values.filter { $0.deadline <= now }.map(\.client)
    for client in overdue { _ = end(client) }
    return overdue
  }

  /// Waits for what the conversation needs next, unless it is over.
  private mutating func keep(
    _ conversation: StreamConversation, _ events: [StreamConversation.Event]
  ) -> [StreamConversation.Event] {
    guard conversation.descriptor >= 0 else { return events }
    let status = lfn_watch(
      watch, conversation.descriptor, conversation.waitsToWrite, Int64(conversation.client))
    guard status == 0 else {
      var conversation = conversation
      conversation.hangUp()
      return events + [.ended(.unreachable(systemErrorText(-status)))]
    }
    conversations[conversation.client] = conversation
    return events
  }
}
