import StatusMonitor
import Testing

/// B2: a notification that goes on where another was killed.
@Suite struct ScheduleContinuationTests {
  @Test("B2 names to which a client has answered before are not said again")
  func answeredNames() throws {
    var client = try literal(ipv4(1))
    client.answeredNames = ["b", "unknown"]
    var scene = try NotificationScene([client], names: ["a", "b", "c"])
    let question = try #require(scene.tick(at: 0).sent.first)
    let notices = try scene.answer(question, port: 701, at: 1).sent
    #expect(notices.map(\.call) == [.say(index: 0), .say(index: 2)])
    #expect(scene.answer(notices[0], at: 2).told == [])
    #expect(scene.answer(notices[1], at: 3).told == [0])
    #expect(scene.schedule.ledger(0).names == ["a", "b", "c"])
  }

  @Test("B2 whoever has answered to everything and is in the list is told once more")
  func everything() throws {
    var client = try literal(ipv4(1))
    client.answeredNames = ["a"]
    var scene = try NotificationScene([client], names: ["a"])
    let question = try #require(scene.tick(at: 0).sent.first)
    let notice = try #require(try scene.answer(question, port: 701, at: 1).sent.first)
    #expect(scene.answer(notice, at: 2).told == [0])
  }

  @Test("B2 every answer is news once, with what is known of its client")
  func news() throws {
    var scene = try NotificationScene([literal(ipv4(1)), literal(ipv4(2))], names: ["a", "b"])
    let questions = scene.tick(at: 0).sent
    #expect(!scene.schedule.hasNews)
    let notices = try scene.answer(questions[0], port: 701, at: 1).sent
    // Where its status monitor listens is nobody's business after a kill.
    #expect(scene.schedule.takeNews().isEmpty)
    _ = scene.answer(notices[1], at: 2)
    #expect(scene.schedule.hasNews)
    let first = try #require(scene.schedule.takeNews().first)
    #expect(first.names == ["b"] && !first.isTold && first.client.text == "10.0.0.1")
    #expect(scene.schedule.takeNews().isEmpty)
    _ = scene.answer(notices[1], at: 3)
    _ = scene.answer(notices[0], at: 4)
    let second = scene.schedule.takeNews()
    #expect(second.map(\.isTold) == [true] && second.map(\.names) == [["a", "b"]])
    #expect(!scene.schedule.hasNews)
  }
}
