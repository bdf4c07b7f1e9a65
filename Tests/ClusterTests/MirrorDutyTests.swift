import Testing

@testable import Cluster

@Suite("Which services a new record must be kept for (M2)")
struct MirrorDutyTests {
  @Test func beforeTheStoreIsReadNobodyKnows() {
    var world = SmallWorld()
    world.start("a")
    #expect(
      world.nodes["a"]?.instance.whyNotMirrored(besides: [])
        == ["who owns home was not read from the store yet"])
    #expect(world.nodes["a"]?.instance.whyNotMirrored(besides: ["home"]) == [])
  }

  @Test func anOwnerWithoutMirrorSaysSoAndAnotherNodeOwesNothing() {
    var world = SmallWorld()
    world.start("a")
    world.start("b")
    world.pass(.seconds(5))
    #expect(world.owner()?.node == "a")
    #expect(
      world.nodes["a"]?.instance.whyNotMirrored(besides: []) == ["the mirror of home has not begun yet"])
    #expect(world.nodes["a"]?.instance.whyNotMirrored(besides: ["home"]) == [])
    #expect(world.nodes["b"]?.instance.whyNotMirrored(besides: []) == [])
  }
}
