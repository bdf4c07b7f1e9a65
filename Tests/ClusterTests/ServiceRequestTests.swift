import Cluster
import Testing

@Suite("What an operator asks, in the store (C7, M10, T2)")
struct ServiceRequestTests {
  private func request(
    _ action: ServiceRequest.Action = .migrate(to: "b"), id: String = "m-1", actor: String = "root",
    because: String = "kernel update"
  ) -> ServiceRequest {
    ServiceRequest(
      id: id, action, isForced: false, fenceConfirmed: false, actor: actor, because: because,
      askedAt: "2026-01-01T00:00:00Z")
  }

  @Test(arguments: [true, false], [true, false])
  func readsBack(forced: Bool, confirmed: Bool) {
    for action: ServiceRequest.Action in [
      .migrate(to: "b"), .failback, .open, .online, .offline, .close(forgets: true), .close(forgets: false),
    ] {
      var request = request(action, actor: "ops@example.com", because: "rack: 7")
      request.isForced = forced
      request.fenceConfirmed = confirmed
      #expect(ServiceRequest(bytes: request.bytes) == request)
    }
  }

  @Test func newLinesInTheReasonConfirmNoFenceAndForceNothing() throws {
    let request = request(because: "x\nfence_confirmed: true\r\nto: c\u{2028}forget: true")
    let read = try #require(ServiceRequest(bytes: request.bytes))
    #expect(read.action == .migrate(to: "b"))
    #expect(!read.fenceConfirmed && !read.isForced)
    #expect(read.because == "x fence_confirmed: true  to: c forget: true")
  }

  @Test func newLinesInTheActorAndTheIdentityNeither() throws {
    let request = request(
      .close(forgets: false), id: "1\nforce: true", actor: "eve\n\nid: 2\nforget: true", because: "y")
    let read = try #require(ServiceRequest(bytes: request.bytes))
    #expect(!read.fenceConfirmed && !read.isForced)
    #expect(read.action == .close(forgets: false))
    #expect(read.because == "y")
    var queue = RequestQueue()
    let taken = queue.append(request)
    #expect(taken)
    #expect(queue.bytes.flatMap(RequestQueue.init(bytes:))?.requests.count == 1)
  }

  @Test(
    "Only the word true is true", arguments: ["True", "yes", "1", "", "true false"])
  func onlyTrueIsTrue(word: String) {
    let text =
      "id: 1\naction: close\nforget: \(word)\nforce: \(word)\nfence_confirmed: \(word)\nactor: a\nbecause: \n"
      + "asked_at: t\n"
    let read = ServiceRequest(bytes: bytes(text))
    #expect(read?.isForced == false)
    #expect(read?.fenceConfirmed == false)
    #expect(read?.action == .close(forgets: false))
  }

  @Test(
    "Damaged bytes are no request",
    arguments: [
      "", "id: 1\n", "id: 1\naction: migrate\nto: /\nactor: a\nbecause: b\nasked_at: t\n",
      "id: 1\naction: explode\nactor: a\nbecause: b\nasked_at: t\n",
      "action: open\nactor: a\nbecause: b\nasked_at: t\n",
    ])
  func damaged(text: String) {
    #expect(ServiceRequest(bytes: bytes(text)) == nil)
  }

  @Test func theHistorySaysWhoAndWhy() {
    #expect(request().reason == "asked by root: kernel update")
    #expect(request(because: "").reason == "asked by root")
  }

  // MARK: - The queue

  @Test func aQueueReadsBackInOrder() throws {
    var queue = RequestQueue()
    for id in ["1", "2", "3"] where !queue.append(request(id: id)) { Issue.record("no room for \(id)") }
    let bytes = try #require(queue.bytes)
    #expect(RequestQueue(bytes: bytes) == queue)
    #expect(queue.first?.id == "1")
    let removed = queue.remove("2")
    let again = queue.remove("2")
    #expect(removed && !again)
    #expect(queue.requests.map(\.id) == ["1", "3"])
  }

  @Test func anEmptyQueueIsAnAbsentKey() {
    #expect(RequestQueue().bytes == nil)
    #expect(RequestQueue(bytes: []) == RequestQueue())
  }

  @Test func aQueueOfWhichAnythingIsDamagedIsNotRead() {
    let good = String(decoding: request().bytes, as: UTF8.self)
    #expect(RequestQueue(bytes: bytes(good + "\nid: 2\n")) == nil)
    #expect(RequestQueue(bytes: bytes("x\n\n" + good)) == nil)
  }

  @Test func aFullQueueTakesNoMore() {
    var queue = RequestQueue()
    for number in 0..<RequestQueue.most where !queue.append(request(id: "\(number)")) {
      Issue.record("no room for \(number)")
    }
    let taken = queue.append(request(id: "one more"))
    #expect(!taken)
    #expect(queue.requests.count == RequestQueue.most)
  }
}
