import Testing

@testable import Cluster

@Suite("Which bid is the best (C3)")
struct BidTests {
  private static func bid(_ priority: Int = 100, load percent: Int? = 0) -> Bid {
    Bid(priority: priority, load: percent.flatMap(Load.init(percent:)), run: "r1", occasion: "released")
  }

  @Test func theHigherPriorityWinsWhateverTheLoad() {
    #expect(Self.bid(101, load: 5000).beats(Self.bid(100, load: 0)) == true)
    #expect(Self.bid(100, load: nil).beats(Self.bid(99, load: 0)) == true)
    #expect(Self.bid(0).beats(Self.bid(1)) == false)
  }

  @Test func ofEqualPrioritiesTheLowerLoadWins() {
    #expect(Self.bid(load: 20).beats(Self.bid(load: 180)) == true)
    #expect(Self.bid(load: 180).beats(Self.bid(load: 20)) == false)
    #expect(Self.bid(load: 180).beats(Self.bid(load: nil)) == true)
  }

  @Test func loadsThatHardlyDifferLeaveItToTheOrder() {
    #expect(Self.bid(load: 3).beats(Self.bid(load: 17)) == nil)
    #expect(Self.bid(load: nil).beats(Self.bid(load: nil)) == nil)
    #expect(Self.bid(load: 24).beats(Self.bid(load: 25)) == true)
  }

  @Test func aBidIsReadAsItWasWritten() {
    for bid in [
      Self.bid(1000, load: 100_000), Self.bid(0, load: nil),
      Bid(priority: 7, load: Load(percent: 12), run: "r: 2", occasion: "silent since beat 12 of r1"),
    ] {
      #expect(Bid(bytes: bid.bytes) == bid)
    }
    #expect(
      String(decoding: Self.bid(load: 150).bytes, as: UTF8.self)
        == "priority: 100\nload_percent: 150\nrun: r1\noccasion: released\n")
  }

  @Test(
    "What is no bid counts for nothing",
    arguments: [
      "", "priority: 1001\nrun: r1\noccasion: released\n", "priority: -1\nrun: r1\noccasion: released\n",
      "priority: 5\nrun: r1\n", "priority: x\nrun: r1\noccasion: released\n", "\u{0}\u{1}",
    ])
  func damaged(text: String) {
    #expect(Bid(bytes: Array(text.utf8)) == nil)
  }

  @Test func aLoadThatMakesNoSenseIsNone() {
    #expect(Bid(bytes: Array("priority: 5\nload_percent: -3\nrun: r\noccasion: o\n".utf8))?.load == nil)
    #expect(Load(average: .nan) == nil)
    #expect(Load(average: -1) == nil)
    #expect(Load(average: 0.254)?.percent == 25)
    #expect(Load(average: 1e9)?.percent == 100_000)
  }

  // MARK: - One node's ballot

  private static let wait = Duration.seconds(1)

  private static func ballot(_ others: [NodeName: Bid], own: Bid = bid()) -> Ballot {
    var ballot = Ballot(epoch: 2, occasion: "released")
    let places = [ballot.places(), ballot.places()]
    #expect(places == [true, false])
    ballot.onPlaced(own, now: at(.seconds(10)))
    ballot.onLook(others.mapValues(\.bytes), startedAt: at(.seconds(11)))
    return ballot
  }

  private static func rank(_ others: [NodeName: Bid], own: Bid = bid()) -> Int {
    ballot(others, own: own).better(than: "b", among: ["a", "b", "c"]) { _, _ in true }.count
  }

  @Test func equalBidsKeepTheOrderOfTheCandidates() {
    #expect(Self.rank(["c": Self.bid()]) == 0)
    #expect(Self.rank(["a": Self.bid(), "c": Self.bid()]) == 1)
    #expect(Self.rank(["a": Self.bid(101), "c": Self.bid(101)]) == 2)
    #expect(Self.rank(["stranger": Self.bid(1000)]) == 0)
  }

  @Test func aBidForAnotherOccasionCountsForNothing() {
    var old = Self.bid(1000)
    old.occasion = "silent since beat 7 of r1"
    #expect(Self.rank(["a": old]) == 0)
  }

  @Test func eachBetterBidderCostsOneMoreWait() {
    var ballot = Self.ballot([:])
    #expect(ballot.turn(0, wait: Self.wait) == nil, "nobody may claim yet")
    ballot.onPermission(true, now: at(.seconds(10)))
    #expect(ballot.turn(0, wait: Self.wait) == at(.seconds(11)))
    #expect(ballot.turn(2, wait: Self.wait) == at(.seconds(13)))
    // Whoever has bid ahead waits for no bids, but still for whoever comes before.
    ballot.onPermission(false, now: at(.seconds(12)))
    ballot.onPermission(true, now: at(.seconds(20)))
    ballot.onPermission(true, now: at(.seconds(25)))
    #expect(ballot.turn(0, wait: Self.wait) == at(.seconds(20)))
    #expect(ballot.turn(1, wait: Self.wait) == at(.seconds(21)))
  }

  @Test func aLookThatBeganTooEarlyDecidesNothing() {
    var ballot = Self.ballot([:])
    ballot.onLook([:], startedAt: at(.milliseconds(10_999)))
    #expect(!ballot.hasWaited(Self.wait))
    ballot.onLook([:], startedAt: at(.milliseconds(11_000)))
    #expect(ballot.hasWaited(Self.wait))
  }

  @Test func aBidThatIsNotKnownToBeThereIsPlacedAgain() {
    var ballot = Self.ballot([:])
    ballot.onPlaced(nil, now: at(.seconds(12)))
    #expect(!ballot.hasWaited(Self.wait))
    let places = ballot.places()
    #expect(places)
  }
}
