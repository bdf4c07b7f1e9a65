/// What one look at the store showed. Keys that a node or service does not have are nil.
public struct NodeView: Sendable, Equatable {
  /// When the look began: what this node wrote later is not in it.
  public var startedAt: BootInstant
  /// `nodes/<node>/beat` of ``NodeInstance/nodesToLookAt``.
  public var beats: [NodeName: [UInt8]]
  /// `services/<service>/owner`.
  public var owners: [ServiceName: [UInt8]]
  /// `services/<service>/request`.
  public var orders: [ServiceName: [UInt8]]

  /// A view.
  public init(
    startedAt: BootInstant, beats: [NodeName: [UInt8]] = [:], owners: [ServiceName: [UInt8]] = [:],
    orders: [ServiceName: [UInt8]] = [:]
  ) {
    self.startedAt = startedAt
    self.beats = beats
    self.owners = owners
    self.orders = orders
  }
}
