import Testing

@testable import StatusMonitor

/// B2: clients that do not answer over UDP are asked over TCP.
@Suite struct ScheduleConversationTests {
  private func conversations(_ all: [(moment: Int, directive: NotificationScene.Directive)]) -> [Int] {
    all.map(\.directive).conversations
  }

  @Test("B2 after three attempts without an answer a conversation over TCP is wanted, and again later")
  func silent() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b"])
    #expect(conversations(scene.ticks(until: 1_999)) == [])
    let wanted = scene.ticks(until: 2_000).map(\.directive).filter { [$0].conversations == [0] }
    #expect(wanted == [.converse(client: 0, address: ipv4(1), unsaid: [0, 1])])
    #expect(conversations(scene.ticks(until: 40_000)) == [])
    #expect(scene.schedule.onConversationEnded(0, .closed(rpcbind: true), now: .seconds(40)) == [])
    #expect(scene.problem == .closed(rpcbind: true))
    #expect(conversations(scene.ticks(until: 60_000)) == [0])
  }

  @Test("B2 what was answered over TCP counts like what was answered over UDP")
  func told() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b"])
    #expect(conversations(scene.ticks(until: 4_000)) == [0])
    #expect(scene.schedule.onConversed(0, index: 1, now: .seconds(4)) == [])
    #expect(scene.schedule.ledger(0).names == ["b"])
    #expect(scene.schedule.onConversed(0, index: 9, now: .seconds(4)) == [])
    #expect(scene.schedule.onConversed(0, index: 0, now: .seconds(5)) == [.told(client: 0), .finish])
    #expect(scene.schedule.onConversationEnded(0, nil, now: .seconds(5)) == [])
    #expect(scene.schedule.conversations == 0)
  }

  @Test("B2 UDP and TCP share the work: only what is unsaid is said over TCP")
  func shared() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b"])
    let question = try #require(scene.tick(at: 0).sent.first)
    let notices = try scene.answer(question, port: 701, at: 1).sent
    _ = scene.answer(notices[0], at: 2)
    let wanted = scene.ticks(until: 10_000).map(\.directive).filter { !([$0].conversations.isEmpty) }
    #expect(wanted == [.converse(client: 0, address: ipv4(1), unsaid: [1])])
    #expect(scene.schedule.onConversed(0, index: 1, now: .seconds(10)).told == [0])
  }

  @Test("B2 few conversations at once; the next begins when one ends")
  func capped() throws {
    var scene = try NotificationScene((1...50).map { try literal(ipv4($0)) }) { $0.mostStreams = 8 }
    let first = conversations(scene.ticks(until: 20_000))
    #expect(first.count == 8)
    var begun = first
    for client in first {
      begun += scene.schedule.onConversationEnded(client, .silent, now: .seconds(20)).conversations
    }
    #expect(begun.count == 16)
    #expect(Set(begun).count == 16)
    // An end that nobody began.
    let idle = try #require((0..<50).first { scene.schedule.contacts[$0].conversation != .open })
    #expect(scene.schedule.onConversationEnded(idle, nil, now: .seconds(21)).conversations == [])
  }

  @Test("B2 whoever shows a sign of life while it waits among the silent ones comes first")
  func lateHope() throws {
    var scene = try NotificationScene((1...20).map { try literal(ipv4($0)) }) { $0.mostStreams = 2 }
    let questions = scene.tick(at: 0).sent
    #expect(conversations(scene.ticks(until: 3_600)).count == 2)
    let late = try #require((0..<20).last { scene.schedule.contacts[$0].conversation != .open })
    _ = try scene.answer(questions[late], port: 0, at: 3_601)
    let open = try #require((0..<20).first { scene.schedule.contacts[$0].conversation == .open })
    let next = scene.schedule.onConversationEnded(open, .silent, now: .seconds(12))
    #expect(next.conversations == [late])
    // It stands among the silent ones, too, and gets no second turn there.
    var begun: [Int] = []
    for _ in 0..<18 {
      guard let open = (0..<20).first(where: { scene.schedule.contacts[$0].conversation == .open }) else {
        break
      }
      begun += scene.schedule.onConversationEnded(open, .silent, now: .seconds(12)).conversations
    }
    #expect(Set(begun).count == begun.count)
    #expect(!begun.contains(late))
  }

  @Test("B2 those who have shown a sign of life talk over TCP before the silent ones")
  func hopeful() throws {
    var scene = try NotificationScene((1...20).map { try literal(ipv4($0)) }) { $0.mostStreams = 2 }
    let questions = scene.tick(at: 0).sent
    // It answers once, and no more.
    _ = try scene.answer(questions[0], port: 701, at: 400)
    #expect(conversations(scene.ticks(until: 12_000)).count == 2)
    let open = try #require((1..<20).first { scene.schedule.contacts[$0].conversation == .open })
    #expect(scene.schedule.onConversationEnded(open, .silent, now: .seconds(12)).conversations == [0])
  }
}
