import StatusMonitor
import Testing

/// B2: how often a silent client is tried, and who comes before whom.
@Suite struct SchedulePatienceTests {
  @Test(
    "B2 a silent client is tried often within the grace period, rarely after it, and never given up before")
  func retries() throws {
    var scene = try NotificationScene([literal(ipv4(1))]) {
      $0.gracePeriod = .seconds(50)
      $0.limit = .seconds(3_600)
    }
    let moments = scene.ticks(until: 3_600_000).filter { [$0.directive].sent.count == 1 }.map(\.moment)
    #expect(moments.prefix(5) == [0, 500, 1_500, 3_500, 7_500])
    let gaps = zip(moments, moments.dropFirst()).map { ($0, $1 - $0) }
    #expect(gaps.filter { $0.0 < 46_000 }.allSatisfy { $0.1 <= 4_000 })
    #expect(gaps.filter { $0.0 > 110_000 }.allSatisfy { $0.1 == 60_000 })
    #expect(moments.count < 90)
    #expect(scene.schedule.isFinished)
  }

  @Test("B2 a client that comes up late within the grace period is told within 4 s")
  func late() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    _ = scene.ticks(until: 30_000)
    let question = try #require(scene.ticks(until: 34_000).map(\.directive).sent.first)
    let notice = try #require(try scene.answer(question, port: 701, at: 34_001).sent.first)
    #expect(scene.answer(notice, at: 34_002).told == [0])
  }

  @Test("B2 never told before told, recently used first, the list's order among equals")
  func order() throws {
    var scene = try NotificationScene([
      literal(ipv4(1), recency: 5, wasToldBefore: true), literal(ipv4(2), recency: 1),
      literal(ipv4(3), recency: 9, wasToldBefore: true), literal(ipv4(4), recency: 7),
      literal(ipv4(5), recency: 1), literal(ipv4(6), recency: .max),
    ])
    #expect(scene.tick(at: 0).sent.map(\.client) == [5, 3, 1, 4, 2, 0])
  }

  @Test("B2 whoever was never tried comes before whoever did not answer")
  func freshFirst() throws {
    var scene = try NotificationScene((1...700).map { try literal(ipv4($0)) })
    var order: [Int] = scene.tick(at: 0).sent.map(\.client)
    #expect(order.count == 256)
    order += scene.ticks(until: 20_000).map(\.directive).sent.map(\.client)
    #expect(Array(order.prefix(700)) == Array(0..<700))
  }

  @Test("B2 answers make room for the others at once")
  func room() throws {
    var scene = try NotificationScene((1...300).map { try literal(ipv4($0)) })
    let questions = scene.tick(at: 0).sent
    let notice = try #require(try scene.answer(questions[0], port: 701, at: 1).sent.first)
    let next = scene.answer(notice, at: 2)
    #expect(next.told == [0])
    #expect(!next.sent.isEmpty)
    #expect(next.sent.allSatisfy { $0.client >= 256 })
  }
}
