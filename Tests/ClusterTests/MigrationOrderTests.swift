import Cluster
import Testing

@Suite("An operator's order (M10)")
struct MigrationOrderTests {
  private func order(because: String = "kernel update", problem: String? = nil) -> MigrationOrder {
    MigrationOrder(
      id: "m-1", to: "b", isForced: true, fenceConfirmed: false, actor: "root", because: because,
      problem: problem)
  }

  @Test(arguments: [true, false], [true, false])
  func readsBack(forced: Bool, confirmed: Bool) {
    let order = MigrationOrder(
      id: "m-1", to: "b", isForced: forced, fenceConfirmed: confirmed, actor: "ops@example.com",
      because: "rack: 7", problem: forced ? "b does not beat" : nil)
    #expect(MigrationOrder(bytes: order.bytes) == order)
  }

  @Test func newLinesInTheReasonConfirmNoFenceAndForceNothing() throws {
    var order = order(because: "x\nfence_confirmed: true\r\nto: c\u{2028}problem: none")
    order.isForced = false
    let read = try #require(MigrationOrder(bytes: order.bytes))
    #expect(read.to == "b")
    #expect(!read.fenceConfirmed && !read.isForced)
    #expect(read.problem == nil)
    #expect(read.because == "x fence_confirmed: true  to: c problem: none")
  }

  @Test func newLinesInTheActorAndTheIdentityNeither() throws {
    let order = MigrationOrder(
      id: "1\nforce: true", to: "b", isForced: false, fenceConfirmed: false,
      actor: "eve\nfence_confirmed: true\nbecause: none", because: "y")
    let read = try #require(MigrationOrder(bytes: order.bytes))
    #expect(!read.fenceConfirmed && !read.isForced)
    #expect(read.because == "y")
  }

  @Test(
    "Only the word true is true", arguments: ["True", "yes", "1", "", "true false"])
  func onlyTrueIsTrue(word: String) {
    let text = "id: 1\nto: b\nforce: \(word)\nfence_confirmed: \(word)\nactor: a\nbecause: \n"
    let read = MigrationOrder(bytes: bytes(text))
    #expect(read?.isForced == false)
    #expect(read?.fenceConfirmed == false)
  }

  @Test(
    "Damaged bytes are no order",
    arguments: ["", "id: 1\n", "id: 1\nto: /\nactor: a\nbecause: b\n", "to: b\nactor: a\nbecause: b\n"])
  func damaged(text: String) {
    #expect(MigrationOrder(bytes: bytes(text)) == nil)
  }

  @Test func theHistorySaysWhoAndWhy() {
    #expect(order().reason == "asked by root: kernel update")
    #expect(order(because: "").reason == "asked by root")
  }
}
