import ONCRPC
import Testing

@testable import StatusMonitor

/// B2: how one client is told, and what counts as an answer.
@Suite struct ScheduleTellingTests {
  private typealias Call = NotificationErrand.Call

  @Test("B2 IPv4: port 111 is asked by version 2, then the status monitor is told, and that was all")
  func ipv4Client() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let begin = scene.tick(at: 0)
    #expect(begin.count == 1)
    let question = try #require(begin.sent.first)
    #expect(question.call == .port)
    #expect(question.address == ipv4(1))
    #expect(question.port == 111)
    #expect(scene.schedule.progress == NotificationProgress(all: 1, told: 0, underWay: 0))

    let middle = try scene.answer(question, port: 701, at: 10)
    #expect(middle.count == 1)
    let notice = try #require(middle.sent.first)
    #expect(notice.call == .say(index: 0))
    #expect(notice.address == ipv4(1))
    #expect(notice.port == 701)
    #expect(scene.schedule.progress == NotificationProgress(all: 1, told: 0, underWay: 1))

    #expect(scene.answer(notice, at: 30) == [.told(client: 0), .finish])
    #expect(scene.schedule.isFinished)
    #expect(scene.schedule.wake == nil)
    #expect(scene.tick(at: 40) == [])
    #expect(scene.answer(notice, at: 41) == [])
    #expect(scene.schedule.progress == NotificationProgress(all: 1, told: 1, underWay: 0))
    #expect(
      scene.schedule.ledger(0)
        == NotificationLedger(
          client: try ClientName("10.0.0.1"), address: ipv4(1), isTold: true, names: ["nfs"], attempts: 1,
          firstAnswer: .milliseconds(10), told: .milliseconds(30), problem: nil))
  }

  @Test("B2 IPv6: rpcbind is asked by version 4, by version 3 where that is silent, and so on")
  func ipv6Client() throws {
    var scene = try NotificationScene([literal(ipv6(1))])
    let calls = scene.ticks(until: 5_000).map(\.directive).sent.map(\.call)
    #expect(
      calls.prefix(4) == [
        .universalAddress(version: 4), .universalAddress(version: 3), .universalAddress(version: 4),
        .universalAddress(version: 3),
      ])
    let last = try #require(scene.ticks(until: 20_000).map(\.directive).sent.last)
    #expect(last.port == 111)
    let notice = try #require(try scene.answer(last, port: 40_123, at: 20_001).sent.first)
    #expect(notice.port == 40_123)
    #expect(scene.answer(notice, at: 20_002).told == [0])
  }

  @Test("B2 an rpcbind that says that it has no version 4 is asked by version 3 at once")
  func versionMismatch() throws {
    var scene = try NotificationScene([literal(ipv6(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    #expect(scene.answer(question, .programMismatch(low: 2, high: 3), at: 5) == [])
    #expect(scene.schedule.wake == .milliseconds(5))
    let second = try #require(scene.tick(at: 5).sent.first)
    #expect(second.call == .universalAddress(version: 3))
    let notice = try #require(try scene.answer(second, port: 1_000, at: 6).sent.first)
    #expect(scene.answer(notice, at: 7).told == [0])
  }

  @Test("B2 every name is said at once, and a client is told only when it has answered to each")
  func severalNames() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["nfs.example.com", "nfs", "10.0.0.10"])
    let question = try #require(scene.tick(at: 0).sent.first)
    let notices = try scene.answer(question, port: 701, at: 1).sent
    #expect(notices.map(\.call) == [.say(index: 0), .say(index: 1), .say(index: 2)])
    #expect(scene.answer(notices[1], at: 2) == [])
    #expect(scene.answer(notices[1], at: 2) == [])
    #expect(scene.schedule.ledger(0).names == ["nfs"])
    // What is without answer is said again, under the same number.
    let again = scene.ticks(until: 500).map(\.directive).sent
    #expect(again == [notices[0], notices[2]])
    #expect(scene.answer(notices[2], at: 501) == [])
    #expect(scene.answer(notices[0], at: 502) == [.told(client: 0), .finish])
    #expect(scene.schedule.ledger(0).names == ["nfs.example.com", "nfs", "10.0.0.10"])
    #expect(scene.schedule.ledger(0).attempts == 2)
  }

  @Test("B2 a late answer counts, to the look-up and to what was said")
  func lateAnswers() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    let repeated = scene.ticks(until: 3_400).map(\.directive).sent
    #expect(repeated.count == 2)
    #expect(repeated.allSatisfy { $0 == question })
    let notice = try #require(try scene.answer(question, port: 701, at: 3_450).sent.first)
    _ = scene.ticks(until: 60_000)
    #expect(scene.answer(notice, at: 60_001).told == [0])
  }

  @Test("B2 numbers differ for every call to every client, and for every run")
  func transactionIDs() throws {
    var numbers: Set<UInt32> = []
    for salt: UInt32 in [1, 0x9e37_79b9] {
      var scene = try NotificationScene(
        (1...50).map { try literal(ipv4($0)) }, names: ["a", "b"], salt: salt)
      for question in scene.tick(at: 0).sent {
        numbers.insert(question.transactionID)
        for notice in try scene.answer(question, port: 700, at: 1).sent {
          numbers.insert(notice.transactionID)
        }
      }
    }
    #expect(numbers.count == 2 * 50 * 3)
  }

  @Test(
    "B2 an unknown number, another source, a call, a stump: all counted as strays, and the answer still counts"
  )
  func strays() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    var other = question
    other.transactionID ^= 0x0001_0000
    #expect(try scene.answer(other, port: 701, at: 1) == [])
    #expect(try scene.answer(question, port: 701, from: ipv4(2), at: 1) == [])
    #expect(scene.problem == nil)
    let call = scene.schedule.errand.message(.port, transactionID: question.transactionID)
    #expect(scene.schedule.onReply(call, from: ipv4(1), now: .milliseconds(1)) == [])
    #expect(scene.problem == .garbled)
    #expect(scene.schedule.onReply([], from: ipv4(1), now: .milliseconds(1)) == [])
    #expect(scene.schedule.onReply([1, 2, 3], from: ipv4(1), now: .milliseconds(1)) == [])
    #expect(scene.schedule.strays == 5)
    #expect(scene.schedule.progress.underWay == 0)
    let notice = try #require(try scene.answer(question, port: 701, at: 2).sent.first)
    #expect(scene.answer(notice, at: 3).told == [0])
  }

  @Test("B2 arbitrary bytes under any number do no harm, and tell nobody")
  func garbage() throws {
    var random = SplitMix(seed: 11)
    var scene = try NotificationScene([literal(ipv4(1)), literal(ipv6(2))], names: ["a", "b"])
    let questions = scene.tick(at: 0).sent
    for round in 0..<5_000 {
      let question = questions[round % 2]
      let valid = RPCReply(
        transactionID: question.transactionID, .success(try portResults(question.call, port: 700))
      ).message
      var message = valid
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 4..<message.count, using: &random)
        message[index] = UInt8.random(in: 0...255, using: &random)
      }
      message.removeLast(Int.random(in: 0...message.count, using: &random))
      guard message != valid else { continue }
      _ = scene.schedule.onReply(message, from: question.address, now: .milliseconds(round))
    }
    #expect(scene.schedule.progress.told == 0)
  }

  @Test("it wants to begin at once")
  func begin() throws {
    #expect(try NotificationScene([literal(ipv4(1))]).schedule.wake == .zero)
    #expect(try NotificationScene([]).schedule.wake == .zero)
  }

  @Test("nobody to tell: the first tick ends it")
  func nobody() throws {
    var scene = try NotificationScene([])
    #expect(scene.tick(at: 0) == [.finish])
    #expect(scene.schedule.wake == nil)
    #expect(scene.tick(at: 1) == [])
  }

  @Test("at the limit it ends, whoever has not answered, and nothing follows")
  func limit() throws {
    var scene = try NotificationScene([literal(ipv4(1)), literal(ipv4(2))]) { $0.limit = .seconds(7) }
    let questions = scene.tick(at: 0).sent
    let notice = try #require(try scene.answer(questions[0], port: 701, at: 1).sent.first)
    _ = scene.answer(notice, at: 2)
    let all = scene.ticks(until: 100_000)
    #expect(all.last?.directive == .finish)
    #expect(all.last?.moment == 7_000)
    #expect(all.filter { $0.directive == .finish }.count == 1)
    #expect(scene.schedule.wake == nil)
    #expect(try scene.answer(questions[1], port: 701, at: 7_001) == [])
    #expect(scene.schedule.onClosed(questions[1].transactionID, now: .milliseconds(7_001)) == [])
    #expect(scene.schedule.progress == NotificationProgress(all: 2, told: 1, underWay: 0))
    #expect(scene.schedule.ledger(1).problem == .silent)
  }

  @Test("B7 a drill asks for the port and calls NULL")
  func drill() throws {
    var scene = try NotificationScene([literal(ipv4(1))], purpose: .drill)
    let question = try #require(scene.tick(at: 0).sent.first)
    let call = try #require(try scene.answer(question, port: 701, at: 1).sent.first)
    #expect(call.call == .say(index: 0))
    #expect(scene.answer(call, at: 2) == [.told(client: 0), .finish])
    #expect(scene.schedule.ledger(0).names == [])
    #expect(scene.schedule.ledger(0).isTold)
  }
}
