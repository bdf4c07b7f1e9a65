import Testing

@testable import StatusMonitor

/// B2: clients that the record knows by a host name.
@Suite struct ScheduleResolverTests {
  @Test("B2 a name is resolved, then told like any other")
  func resolved() throws {
    var scene = try NotificationScene([named("web.example.com")])
    #expect(scene.tick(at: 0) == [.resolve(client: 0, name: "web.example.com")])
    #expect(scene.schedule.ledger(0).address == nil)
    let question = try #require(scene.schedule.onResolved(0, [ipv4(7)], now: .milliseconds(20)).sent.first)
    #expect(question.address == ipv4(7))
    let notice = try #require(try scene.answer(question, port: 701, at: 30).sent.first)
    #expect(scene.answer(notice, at: 40).told == [0])
    #expect(scene.schedule.ledger(0).address == ipv4(7))
    #expect(scene.schedule.ledger(0).attempts == 1)
  }

  @Test("B2 a dead resolver delays nobody whose record holds a literal, and is asked about few names at once")
  func deadResolver() throws {
    let names = try (1...100).map { try named("host\($0).example.com", recency: 100) }
    let literals = try (1...100).map { try literal(ipv4($0)) }
    var scene = try NotificationScene(names + literals)
    let begin = scene.tick(at: 0)
    #expect(begin.resolved.count == 32)
    #expect(begin.sent.map(\.client) == Array(100..<200))
    for question in begin.sent {
      for notice in try scene.answer(question, port: 701, at: 1).sent { _ = scene.answer(notice, at: 2) }
    }
    #expect(scene.schedule.progress.told == 100)
    // Also of those whose turn at the resolver has not come.
    #expect(scene.schedule.ledger(99).problem == .resolverSilent)
    let later = scene.ticks(until: 899_000)
    #expect(later.map(\.directive).resolved == (33...100).map { "host\($0).example.com" })
    #expect(later.map(\.directive).sent.isEmpty && later.last?.moment == 3_000)
    #expect(scene.problem == .resolverSilent)
    #expect(scene.schedule.onResolved(0, [ipv4(999)], now: .seconds(899)).sent.map(\.client) == [0])
  }

  @Test("B2 the resolver is asked at once, however many literals come first")
  func namesBehindLiterals() throws {
    let literals = try (1...1_000).map { try literal(ipv4($0), recency: 10) }
    var scene = try NotificationScene(literals + [named("web")])
    #expect(scene.tick(at: 0).resolved == ["web"])
  }

  @Test("B2 a name that becomes known takes its client's place in the order, not the first one")
  func rank() throws {
    var scene = try NotificationScene(
      [
        named("told", recency: 99, wasToldBefore: true), named("late", recency: 1),
        named("early", recency: 9),
      ]
        + (1...300).map { try literal(ipv4($0), recency: 5) })
    let begin = scene.tick(at: 0)
    #expect(begin.resolved == ["early", "late", "told"])
    #expect(begin.sent.count == 256)
    // The window is full: they wait with the 44 literals that were not tried yet.
    for client in 0..<3 {
      #expect(scene.schedule.onResolved(client, [ipv4(1_000 + client)], now: .milliseconds(1)) == [])
    }
    let order = scene.tick(at: 500).sent.map(\.client)
    #expect(order.first == 2)
    #expect(Array(order.dropFirst().prefix(44)) == Array(259..<303))
    #expect(Array(order.dropFirst(45).prefix(2)) == [1, 0])
  }

  @Test("B2 each answer of the resolver makes room for the next name")
  func nextName() throws {
    var scene = try NotificationScene((1...40).map { try named("host\($0)") }) { $0.mostResolving = 4 }
    var asked = scene.tick(at: 0).resolved
    #expect(asked == ["host1", "host2", "host3", "host4"])
    for client in 0..<40 {
      let directives =
        client.isMultiple(of: 2)
        ? scene.schedule.onResolved(client, [ipv4(client)], now: .milliseconds(client))
        : scene.schedule.onUnresolved(client, "no such name", now: .milliseconds(client))
      asked += directives.resolved
    }
    #expect(asked == (1...40).map { "host\($0)" })
  }

  @Test("B2 an unknown name is shown and asked about again: after 1, 2, 4 s")
  func unknown() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    var moment = 10
    for wait in [1_000, 2_000, 4_000, 4_000] {
      #expect(scene.schedule.onUnresolved(0, "no such name", now: .milliseconds(moment)) == [])
      #expect(scene.problem == .unknownHost("no such name"))
      #expect(scene.ticks(until: moment + wait - 1).isEmpty)
      moment += wait
      #expect(scene.ticks(until: moment).map(\.directive) == [.resolve(client: 0, name: "web")])
    }
    #expect(scene.schedule.onResolved(0, [], now: .milliseconds(moment)) == [])
    #expect(scene.problem == .unknownHost("no address"))
  }

  @Test("B2 names that hang hold up the others for a bounded time, each in its turn, whoever hangs")
  func hanging() throws {
    var scene = try NotificationScene((1...40).map { try named("host\($0)") }) {
      $0.mostResolving = 4
      $0.mostLookUps = 12
    }
    var asked = scene.tick(at: 0).resolved
    // The resolver hangs at each of them.
    asked += scene.ticks(until: 60_000).map(\.directive).resolved
    #expect(asked == (1...12).map { "host\($0)" })
    // Whoever it gives up makes room, and stands behind those who were never asked about.
    var now = 60_000
    for client in 0..<36 {
      now += 5_000
      _ = scene.ticks(until: now)
      asked += scene.schedule.onUnresolved(client, "timed out", now: .milliseconds(now)).resolved
    }
    #expect(Array(asked.prefix(40)) == (1...40).map { "host\($0)" })
    #expect(Array(asked.dropFirst(40).prefix(3)) == ["host1", "host2", "host3"])
  }

  @Test(
    "B2 a client that does not answer for long where its name stood for is looked up again and told where it is"
  )
  func moved() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    _ = scene.schedule.onResolved(0, [ipv4(1)], now: .zero)
    let first = scene.ticks(until: 30_000)
    #expect(first.map(\.directive).resolved == ["web"])
    let again = try #require(
      first.first { if case .resolve = $0.directive { true } else { false } })
    #expect((10_000...25_000).contains(again.moment))
    // Meanwhile and afterwards it is tried at the old address, too, as long as the resolver knows no better.
    #expect(first.last?.directive != again.directive)
    #expect(scene.schedule.onUnresolved(0, "no such name", now: .seconds(30)) == [])
    #expect(scene.problem == .silent)
    let later = scene.ticks(until: 60_000).map(\.directive)
    #expect(later.sent.allSatisfy { $0.address == ipv4(1) })
    #expect(later.resolved == ["web"])
    let question = try #require(
      scene.schedule.onResolved(0, [ipv4(2)], now: .seconds(60)).sent.first)
    #expect(question.address == ipv4(2) && question.port == 111)
    let notice = try #require(try scene.answer(question, port: 701, at: 60_001).sent.first)
    #expect(scene.answer(notice, at: 60_002).told == [0])
    #expect(scene.schedule.pace.outstanding == 0)
  }

  @Test("B2 looked up again, a name that stands for the same address changes nothing")
  func stayed() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    _ = scene.schedule.onResolved(0, [ipv4(1), ipv4(2)], now: .zero)
    _ = scene.ticks(until: 30_000)
    let before = scene.schedule.ledger(0)
    _ = scene.schedule.onResolved(0, [ipv4(2), ipv4(1)], now: .seconds(30))
    #expect(scene.schedule.ledger(0) == before)
    let next = try #require(scene.ticks(until: 40_000).map(\.directive).sent.first)
    #expect(try scene.answer(next, port: 701, at: 40_001).sent.count == 1)
  }

  @Test("B2 a late answer of the resolver counts")
  func lateResolver() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    #expect(scene.ticks(until: 30_000).isEmpty)
    #expect(scene.problem == .resolverSilent)
    #expect(scene.schedule.onResolved(0, [ipv6(1)], now: .seconds(30)).sent.count == 1)
    #expect(scene.problem == nil)
  }

  @Test("B2 a host with several addresses is tried at each")
  func severalAddresses() throws {
    var scene = try NotificationScene([named("web")])
    _ = scene.tick(at: 0)
    var tried = scene.schedule.onResolved(0, [ipv6(1), ipv4(1), ipv4(2)], now: .zero).sent.map(\.address)
    tried += scene.ticks(until: 40_000).map(\.directive).sent.map(\.address)
    #expect(tried.prefix(7) == [ipv6(1), ipv6(1), ipv4(1), ipv4(1), ipv4(2), ipv4(2), ipv6(1)])
  }
}
