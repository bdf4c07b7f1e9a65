/// What one look at the store showed. Keys that a node or service does not have are nil.
public struct NodeView: Sendable, Equatable {
  /// When the look began: what this node wrote later is not in it.
  public var startedAt: BootInstant
  /// `nodes/<node>/beat` of ``NodeInstance/nodesToLookAt``.
  public var beats: [NodeName: [UInt8]]
  /// `services/<service>/owner`.
  public var owners: [ServiceName: [UInt8]]
  /// `services/<service>/requests`.
  public var requests: [ServiceName: [UInt8]]
  /// `nodes/<node>/drain` of all nodes.
  public var drains: [NodeName: [UInt8]]
  /// `config/pause`.
  public var pause: [UInt8]?
  /// `services/<service>/bids/<epoch>/<node>` of ``NodeInstance/polls``.
  public var bids: [ServiceName: [NodeName: [UInt8]]]

  /// A view.
  public init(
    startedAt: BootInstant, beats: [NodeName: [UInt8]] = [:], owners: [ServiceName: [UInt8]] = [:],
    requests: [ServiceName: [UInt8]] = [:], drains: [NodeName: [UInt8]] = [:], pause: [UInt8]? = nil,
    bids: [ServiceName: [NodeName: [UInt8]]] = [:]
  ) {
    self.startedAt = startedAt
    self.beats = beats
    self.owners = owners
    self.requests = requests
    self.drains = drains
    self.pause = pause
    self.bids = bids
  }
}
