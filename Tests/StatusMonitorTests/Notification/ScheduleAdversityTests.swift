import ONCRPC
import Testing

@testable import StatusMonitor

/// B2: what networks and clients do that nobody asked them to do.
@Suite struct ScheduleAdversityTests {
  private func milliseconds(_ duration: Duration) -> Int { Int((duration / .milliseconds(1)).rounded(.up)) }

  @Test(
    "B2 rpcbind answers and the status monitor does not, as behind many firewalls: ever more rarely, and over TCP"
  )
  func silentStatusMonitor() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    var notices: [Int] = []
    var conversation: Int?
    while let wake = scene.schedule.wake, wake < .seconds(300) {
      let moment = milliseconds(wake)
      var directives = scene.tick(at: moment)
      for question in directives.sent where question.call == .port {
        directives += try scene.answer(question, port: 701, at: moment)
      }
      notices += directives.sent.filter { $0.call != .port }.map { _ in moment }
      if !directives.conversations.isEmpty { conversation = conversation ?? moment }
    }
    #expect(conversation ?? .max < 5_000)
    let gaps = zip(notices, notices.dropFirst()).map { ($0, $1 - $0) }
    #expect(gaps.filter { $0.0 > 10_000 && $0.0 < 40_000 }.allSatisfy { $0.1 > 3_000 && $0.1 <= 4_000 })
    #expect(notices.count < 30)
  }

  @Test("B2 an answer from an address that was tried before counts, and the client is told there")
  func otherAddress() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    let first = try #require(scene.schedule.onResolved(0, [ipv6(1), ipv4(1)], now: .zero).sent.first)
    let later = try #require(scene.ticks(until: 2_000).map(\.directive).sent.last)
    #expect(later.address == ipv4(1))
    let notice = try #require(try scene.answer(first, port: 701, at: 2_001).sent.first)
    #expect(notice.address == ipv6(1))
    // And what is said there counts when the next address is being tried already.
    let next = try #require(scene.ticks(until: 6_000).map(\.directive).sent.last)
    #expect(next.address == ipv4(1))
    #expect(scene.answer(notice, at: 6_001).told == [0])
    #expect(scene.schedule.strays == 0)
  }

  @Test("B2 a second answer to a look-up settles nothing that was said meanwhile")
  func duplicateLookUp() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b"])
    let question = try #require(scene.tick(at: 0).sent.first)
    #expect(try scene.answer(question, port: 701, at: 1).sent.count == 2)
    for _ in 0..<3 { #expect(try scene.answer(question, port: 701, at: 2) == []) }
    #expect(scene.schedule.pace.outstanding == 2)
  }

  @Test("B2 a client that names another port in each answer can neither fill the window nor make us send")
  func restlessPort() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b", "c"])
    let question = try #require(scene.tick(at: 0).sent.first)
    var sent = 0
    for round in 0..<2_000 {
      sent += try scene.answer(question, port: UInt16(700 + round % 2), at: 1).sent.count
    }
    #expect(sent == 3)
    #expect(scene.schedule.pace.outstanding == 3)
  }

  @Test("B2 a refusal that comes five times is one refusal")
  func duplicateRefusal() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    for _ in 0..<5 { _ = try scene.answer(question, port: 0, at: 1) }
    for _ in 0..<5 { _ = scene.schedule.onClosed(question.transactionID, now: .milliseconds(2)) }
    #expect(scene.schedule.due.count <= 2)
    #expect(scene.problem == .notRegistered)
    // Nor does the answer to an older question undo it.
    #expect(try scene.answer(question, port: 701, at: 3) == [])
    #expect(scene.ticks(until: 1_001).map(\.directive).sent == [question])
  }

  @Test("B6 the ledger says what stands in the way now, not what once did")
  func problems() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    _ = try scene.answer(question, port: 0, at: 1)
    #expect(scene.problem == .notRegistered)
    _ = scene.ticks(until: 1_001)
    _ = try scene.answer(question, port: 701, at: 1_002)
    #expect(scene.problem == nil)
    _ = scene.ticks(until: 5_000)
    #expect(scene.problem == .silent)

    var other = try NotificationScene([literal(ipv6(1))])
    let first = try #require(other.tick(at: 0).sent.first)
    _ = other.answer(first, .programMismatch(low: 2, high: 3), at: 1)
    let second = try #require(other.tick(at: 1).sent.first)
    #expect(other.problem == nil)
    _ = other.answer(second, .programMismatch(low: 2, high: 2), at: 2)
    #expect(other.problem?.description.contains("neither version 4 nor version 3") == true)
  }

  @Test("after the limit nothing follows, whatever still comes in")
  func afterTheEnd() throws {
    var scene = try NotificationScene([literal(ipv4(1)), named("web"), named("ftp")]) {
      $0.limit = .seconds(10)
    }
    let all = scene.ticks(until: 10_000).map(\.directive)
    #expect(all.last == .finish)
    #expect(all.conversations == [0])
    let ledgers = (0..<3).map { scene.schedule.ledger($0) }
    #expect(scene.schedule.onConversed(0, index: 0, now: .seconds(11)) == [])
    #expect(scene.schedule.onConversationEnded(0, nil, now: .seconds(11)) == [])
    #expect(scene.schedule.onResolved(1, [ipv4(2)], now: .seconds(11)) == [])
    #expect(scene.schedule.onUnresolved(2, "no such name", now: .seconds(11)) == [])
    #expect((0..<3).map { scene.schedule.ledger($0) } == ledgers)
    #expect(scene.schedule.progress.told == 0)
  }

  @Test("a resolver's answer that nobody asked for changes nothing")
  func unaskedResolver() throws {
    var scene = try NotificationScene([named("web"), literal(ipv4(1))])
    _ = scene.tick(at: 0)
    _ = scene.schedule.onResolved(0, [ipv4(2)], now: .zero)
    #expect(scene.schedule.onResolved(0, [ipv4(3)], now: .zero) == [])
    #expect(scene.schedule.onUnresolved(0, "no such name", now: .zero) == [])
    #expect(scene.schedule.onResolved(1, [ipv4(3)], now: .zero) == [])
    #expect(scene.schedule.places.isEmpty && scene.schedule.lookUps == 0)
    #expect(scene.schedule.ledger(0).address == ipv4(2))
    #expect(scene.schedule.ledger(1).address == ipv4(1))
  }
}
