import Cluster
import Testing

@Suite("The owner key (B5)")
struct OwnershipTests {
  static let states: [Ownership.State] = [.adopting, .online, .releasing, .released]

  @Test("Every state reads back", arguments: states, [nil, "b" as NodeName])
  func roundTrip(state: Ownership.State, heir: NodeName?) {
    let ownership = Ownership(node: "a", epoch: 7, state: state, boot: "boot-1", reservedFor: heir)
    #expect(Ownership(bytes: ownership.bytes) == ownership)
  }

  @Test func theBytesAreTheSameForeverForNodesOfDifferentVersions() {
    let ownership = Ownership(node: "a", epoch: 7, state: .released, boot: "f00d", reservedFor: "b")
    #expect(ownership.bytes == bytes("node: a\nepoch: 7\nstate: released\nboot: f00d\nfor: b\n"))
  }

  @Test func itsGenerationReadsBackAndIsLeftOutWhereItIsTheFirst() {
    let first = Ownership(node: "a", epoch: 7, state: .online, boot: "f00d")
    let next = first.renewed
    #expect(next.bytes == bytes("node: a\nepoch: 7\nstate: online\nboot: f00d\ngeneration: 1\n"))
    #expect(Ownership(bytes: next.bytes) == next)
    #expect(next.renewed.generation == 2)
    #expect(next.isSameTenure(as: first) && first.isSameTenure(as: next))
    for hostile in ["-1", "x", ""] {
      let text = "node: a\nepoch: 7\nstate: online\nboot: f00d\ngeneration: \(hostile)\n"
      #expect(Ownership(bytes: bytes(text))?.generation == 0)
    }
    let largest = Ownership(
      bytes: bytes("node: a\nepoch: 7\nstate: online\nboot: f00d\ngeneration: \(Int.max)\n"))
    #expect(largest?.renewed.bytes != largest?.bytes)
  }

  @Test func whoIsNotYetFencedReadsBackAndHostileNamesAreLeftOut() {
    let ownership = Ownership(
      node: "c", epoch: 7, state: .adopting, boot: "f00d", unfenced: ["a", "b"] as [NodeName])
    #expect(Ownership(bytes: ownership.bytes) == ownership)
    let hostile = "node: c\nepoch: 7\nstate: adopting\nboot: f00d\nunfenced: a ../x  b\n"
    #expect(Ownership(bytes: bytes(hostile)) == ownership)
  }

  @Test func equalBytesMeanEqualOwnership() {
    let ownership = Ownership(node: "a", epoch: 7, state: .online, boot: "f00d")
    for other in [
      Ownership(node: "b", epoch: 7, state: .online, boot: "f00d"),
      Ownership(node: "a", epoch: 8, state: .online, boot: "f00d"),
      Ownership(node: "a", epoch: 7, state: .releasing, boot: "f00d"),
      Ownership(node: "a", epoch: 7, state: .online, boot: "beef"),
      Ownership(node: "a", epoch: 7, state: .online, boot: "f00d", reservedFor: "a"),
    ] {
      #expect(other.bytes != ownership.bytes)
    }
  }

  @Test(
    "Damaged or hostile bytes are no ownership",
    arguments: [
      "", "node: a", "node: a\nepoch: 0\nstate: online\nboot: x\n",
      "node: a\nepoch: -1\nstate: online\nboot: x\n",
      "node: a\nepoch: 1e3\nstate: online\nboot: x\n", "node: a\nepoch:\nstate: online\nboot: x\n",
      "node: a\nepoch: 18446744073709551616\nstate: online\nboot: x\n",
      "node: ../b\nepoch: 1\nstate: online\nboot: x\n", "node: a\nepoch: 1\nstate: ONLINE\nboot: x\n",
      "node: a\nepoch: 1\nstate: online\n", "epoch: 1\nstate: online\nboot: x\n",
      "{\"node\":\"a\",\"epoch\":1}", "node: a\r\nepoch: 1\r\nstate: online\r\nboot: x\r\n",
    ])
  func damaged(text: String) {
    #expect(Ownership(bytes: bytes(text)) == nil)
  }

  @Test func everyPrefixOfATornWriteIsNoOwnershipOrTheSame() {
    let whole = Ownership(node: "a", epoch: 71, state: .online, boot: "f00d")
    for length in 0..<whole.bytes.count {
      guard let torn = Ownership(bytes: Array(whole.bytes.prefix(length))) else { continue }
      #expect(torn.node == whole.node && torn.epoch == whole.epoch && torn.state == whole.state)
    }
  }

  @Test(
    "An epoch that leaves no room for the next owner's is refused, for the next epoch must not trap",
    arguments: [UInt64.max, UInt64.max - 1, UInt64(Int64.max) + 1])
  func hugeEpoch(epoch: UInt64) {
    #expect(Ownership(bytes: bytes("node: a\nepoch: \(epoch)\nstate: online\nboot: x\n")) == nil)
  }

  @Test func anUnreadableReservationIsNone() {
    let read = Ownership(bytes: bytes("node: a\nepoch: 1\nstate: released\nboot: x\nfor: /etc\n"))
    #expect(read == Ownership(node: "a", epoch: 1, state: .released, boot: "x"))
  }
}
