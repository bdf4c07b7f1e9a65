import HexText
import ONCRPC
import StatusMonitor
import Testing

/// B2, B6: clients that are there and say no, and networks that do.
@Suite struct ScheduleRefusalTests {
  @Test("B2 a client without a status monitor is asked again after 1, 2, 4, 4 s, and told when it has one")
  func notRegistered() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    var question = try #require(scene.tick(at: 0).sent.first)
    var moment = 1
    for wait in [1_000, 2_000, 4_000, 4_000] {
      #expect(try scene.answer(question, port: 0, at: moment).sent == [])
      #expect(scene.problem == .notRegistered)
      #expect(scene.ticks(until: moment + wait - 1).map(\.directive).sent == [])
      moment += wait
      question = try #require(scene.ticks(until: moment).map(\.directive).sent.first)
      #expect(question.call == .port)
    }
    let notice = try #require(try scene.answer(question, port: 701, at: moment).sent.first)
    #expect(scene.answer(notice, at: moment + 1).told == [0])
  }

  @Test(
    "B2 a refusal in RFC 5531's words is shown, and what was refused is tried again",
    arguments: [
      (RPCReply.Outcome.programUnavailable, "PROG_UNAVAIL"), (.programMismatch(low: 2, high: 3), "2 to 3"),
      (.procedureUnavailable, "PROC_UNAVAIL"), (.garbageArguments, "GARBAGE_ARGS"),
      (.systemError, "SYSTEM_ERR"), (.versionMismatch(low: 3, high: 3), "RPC_MISMATCH"),
      (.authenticationError(5), "AUTH_ERROR 5"),
    ])
  func refusals(outcome: RPCReply.Outcome, word: String) throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    #expect(scene.answer(question, outcome, at: 1).sent == [])
    #expect(scene.problem?.description.contains(word) == true)
    let second = try #require(scene.ticks(until: 1_001).map(\.directive).sent.first)
    let notice = try #require(try scene.answer(second, port: 701, at: 1_002).sent.first)
    #expect(notice.call == .say(index: 0))
    #expect(scene.answer(notice, outcome, at: 1_003).told == [])
    #expect(scene.problem?.description.contains(word) == true)
    // The status monitor may have moved: its port is asked for again.
    let third = try #require(scene.ticks(until: 5_000).map(\.directive).sent.first)
    #expect(third.call == .port)
    let last = try #require(try scene.answer(third, port: 702, at: 5_001).sent.first)
    #expect(last.port == 702)
    #expect(scene.answer(last, at: 5_002).told == [0])
  }

  @Test("B2 an answer that is no port is a refusal")
  func noPort() throws {
    for results in [bytes("00010000"), bytes(""), bytes("00000001 00000000")] {
      var scene = try NotificationScene([literal(ipv4(1))])
      let question = try #require(scene.tick(at: 0).sent.first)
      #expect(scene.answer(question, .success(results), at: 1).sent == [])
      #expect(scene.problem == .garbled)
      #expect(scene.ticks(until: 1_001).map(\.directive).sent.count == 1)
    }
    for text in ["::", "::.2", "::.2.256", "::.x.1"] {
      var writer = XDRWriter()
      try writer.opaque(Array(text.utf8), atMost: 64)
      var scene = try NotificationScene([literal(ipv6(1))])
      let question = try #require(scene.tick(at: 0).sent.first)
      #expect(scene.answer(question, .success(writer.bytes), at: 1).sent == [])
      #expect(scene.problem == .garbled, "\(text)")
    }
  }

  @Test("B2 nothing at port 111: shown, asked again later, and over TCP meanwhile")
  func closedRPCBind() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    let directives = scene.schedule.onClosed(question.transactionID, now: .milliseconds(1))
    #expect(directives == [.converse(client: 0, address: ipv4(1), unsaid: [0])])
    #expect(scene.problem == .closed(rpcbind: true))
    #expect(scene.ticks(until: 1_000).map(\.directive).sent == [])
    #expect(scene.ticks(until: 1_001).map(\.directive).sent == [question])
  }

  @Test("B2 a status monitor that died: its port is looked up again, several names are one refusal")
  func closedStatusMonitor() throws {
    var scene = try NotificationScene([literal(ipv4(1))], names: ["a", "b", "c"])
    let question = try #require(scene.tick(at: 0).sent.first)
    let notices = try scene.answer(question, port: 701, at: 1).sent
    #expect(notices.count == 3)
    for notice in notices {
      _ = scene.schedule.onClosed(notice.transactionID, now: .milliseconds(2))
    }
    #expect(scene.problem == .closed(rpcbind: false))
    #expect(scene.ticks(until: 1_001).map(\.directive).sent == [])
    #expect(scene.ticks(until: 1_002).map(\.directive).sent == [question])
    let again = try scene.answer(question, port: 702, at: 1_003).sent
    #expect(again.map(\.port) == [702, 702, 702])
    for notice in again { _ = scene.answer(notice, at: 1_004) }
    #expect(scene.schedule.isFinished)
  }

  @Test("B6 no way to the client: shown, and the attempts go on")
  func unreachable() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    let question = try #require(scene.tick(at: 0).sent.first)
    scene.schedule.onUnreachable(question.transactionID, "No route to host")
    #expect(scene.problem == .unreachable("No route to host"))
    let again = scene.ticks(until: 600).map(\.directive).sent
    #expect(again == [question])
    #expect(scene.problem == .unreachable("No route to host"))
    let notice = try #require(try scene.answer(question, port: 701, at: 700).sent.first)
    #expect(scene.answer(notice, at: 701).told == [0])
    #expect(scene.problem == nil)
  }

  @Test("events for numbers that are nobody's do nothing")
  func strangers() throws {
    var scene = try NotificationScene([literal(ipv4(1))])
    _ = scene.tick(at: 0)
    for number: UInt32 in [0, .max, 0x5a5a_5a5a ^ 4] {
      #expect(scene.schedule.onClosed(number, now: .milliseconds(1)) == [])
      scene.schedule.onUnreachable(number, "nowhere")
    }
    #expect(scene.problem == nil)
  }

  @Test("B6 what stands in a client's way is said with what to do")
  func texts() {
    let problems: [NotificationProblem] = [
      .silent, .resolverSilent, .unknownHost("no such name"), .notRegistered, .closed(rpcbind: true),
      .closed(rpcbind: false), .rejected("AUTH_ERROR 5"), .unreachable("No route to host"), .garbled,
    ]
    #expect(Set(problems.map(\.description)).count == problems.count)
    #expect(problems.allSatisfy { !$0.description.hasSuffix(".") })
  }
}
