import Cluster
import Testing

@Suite("Reclaims after a planned migration (B4)")
struct ReclaimTests {
  private let exclusive = ServiceLock(mount: 0, inode: 131, isExclusive: true, start: 0, end: nil)
  private let shared = ServiceLock(mount: 0, inode: 132, isExclusive: false, start: 100, end: 199)
  private let second = ServiceLock(mount: 1, inode: 131, isExclusive: true, start: 7, end: 7)

  private func watch(_ locks: [ServiceLock]) throws -> ReclaimWatch {
    ReclaimWatch(try #require(LockInventory(epoch: 4, locks: locks)))
  }

  @Test func theGracePeriodIsEndedAsSoonAsEveryLockIsBack() throws {
    let watch = try watch([exclusive, shared, second])
    #expect(watch.look(present: [], graceEnded: false, others: []) == .wait(missing: 3))
    #expect(watch.look(present: [second, shared], graceEnded: false, others: []) == .wait(missing: 1))
    #expect(watch.look(present: [second, shared, exclusive], graceEnded: false, others: []) == .end)
  }

  @Test func twoClientsThatShareARangeAreTwoLocks() throws {
    let watch = try watch([shared, shared])
    #expect(watch.look(present: [shared], graceEnded: false, others: []) == .wait(missing: 1))
    #expect(watch.look(present: [shared, shared], graceEnded: false, others: []) == .end)
  }

  @Test("A lock that is not quite the same does not count", arguments: 0..<5)
  func almost(which: Int) throws {
    var other = shared
    switch which {
    case 0: other.mount = 1
    case 1: other.inode = 133
    case 2: other.isExclusive = true
    case 3: other.start = 101
    default: other.end = nil
    }
    #expect(try watch([shared]).look(present: [other], graceEnded: false, others: []) == .wait(missing: 1))
  }

  @Test func nobodyHadALockAndNobodyWaits() throws {
    #expect(try watch([]).look(present: [], graceEnded: false, others: []) == .end)
  }

  @Test func whoeverElseMayReclaimKeepsTheGracePeriodRunning() throws {
    guard case .leave(let why) = try watch([]).look(present: [], graceEnded: false, others: ["y", "x"]) else {
      return #expect(Bool(false), "the grace period would be ended")
    }
    #expect(why.hasPrefix("x and 1 more"))
  }

  @Test("Where no grace period runs nothing is ended", arguments: [true, nil])
  func over(graceEnded: Bool?) throws {
    let watch = try watch([exclusive])
    #expect(watch.look(present: [exclusive], graceEnded: graceEnded, others: []) == .over(missing: 0))
    #expect(watch.look(present: [], graceEnded: graceEnded, others: []) == .over(missing: 1))
  }

  @Test func anInventoryReadsAsItWasWritten() throws {
    let inventory = try #require(LockInventory(epoch: 9, locks: [exclusive, second, shared, shared]))
    let read = try #require(LockInventory(bytes: inventory.bytes))
    #expect(read.epoch == 9 && read.locks.count == 4 && Set(read.locks) == [exclusive, shared, second])
    #expect(read.bytes == inventory.bytes)
    #expect(
      String(decoding: inventory.bytes, as: UTF8.self)
        == "epoch: 9\nlocks: 4\n0 131 exclusive 0 end\n0 132 shared 100 199\n0 132 shared 100 199\n1 131 exclusive 7 7\n"
    )
    let empty = try #require(LockInventory(epoch: 1, locks: []))
    #expect(LockInventory(bytes: empty.bytes) == empty)
  }

  @Test("Half an inventory is none")
  func damaged() throws {
    let bytes = try #require(LockInventory(epoch: 9, locks: [exclusive, shared])).bytes
    for length in 0..<bytes.count { #expect(LockInventory(bytes: Array(bytes[..<length])) == nil) }
    for text in [
      "epoch: 9\nlocks: 1\n0 131 exclusive 9 8\n", "epoch: 9\nlocks: 1\n-1 131 exclusive 0 end\n",
      "epoch: 9\nlocks: 1\n0 131 both 0 end\n", "epoch: 9\nlocks: 2\n0 131 shared 0 end\n",
      "locks: 0\nepoch: 9\n",
    ] {
      #expect(LockInventory(bytes: Array(text.utf8)) == nil, "\(text)")
    }
  }

  @Test func moreLocksThanTheStoreTakesAreNoInventory() {
    let many = Array(repeating: shared, count: LockInventory.mostLocks + 1)
    #expect(LockInventory(epoch: 1, locks: many) == nil)
    #expect((LockInventory(epoch: 1, locks: Array(many.dropLast()))?.bytes.count ?? .max) < 1 << 20)
  }

  @Test("Locks that are not yet reclaimed are in no table: a hand-on lists none")
  func handOn() {
    let service = ServiceDefinition(
      name: "home", home: "a", candidates: ["b"], hasFence: true, listsLocks: true)
    for step in [PlanStep.Kind.storage, .records, .server, .notify, .verify] {
      let plan = Plan.handOn(of: service, by: "b", epoch: 2, to: "c", failedAt: step, because: "x")
      #expect(plan.steps.filter { $0.kind == .inventory }.map(\.isSkipped) == [true])
    }
  }

  @Test(
    "Nor where a grace period still runs, or nobody says that none does",
    arguments: [(true, true, true), (true, false, false), (true, nil, false), (false, true, false)]
      as [(Bool, Bool?, Bool)])
  func obstacle(isServing: Bool, graceEnded: Bool?, counts: Bool) {
    #expect((LockInventory.obstacle(isServing: isServing, graceEnded: graceEnded) == nil) == counts)
  }

  @Test func aReleaseListsTheLocksWhenNobodyCanTakeAnotherOne() {
    var service = ServiceDefinition(
      name: "home", home: "a", candidates: ["b"], hasFence: true, listsLocks: true)
    func release() -> [PlanStep] { Plan.release(of: service, by: "a", epoch: 1, to: "b", because: "x").steps }
    #expect(release().map(\.kind).prefix(3) == [.address, .inventory, .mirror])
    #expect(release()[1].isSkipped == false)
    service.movesAddress = false
    #expect(release()[1].isSkipped)
    service.listsLocks = false
    #expect(!release().contains { $0.kind == .inventory })
  }
}
