/// When a client is looked at again. Of those at the same moment, whoever stands first in the order comes first.
///
/// A turn is not taken out of its queue when the client gets another; whoever takes it compares the generation.
struct NotificationTurn: Comparable, Sendable {
  let moment: Duration
  /// The client's place in the order.
  let rank: Int32
  let generation: UInt32

  static func < (left: NotificationTurn, right: NotificationTurn) -> Bool {
    left.moment == right.moment ? left.rank < right.rank : left.moment < right.moment
  }
}
