import HostTestKit

/// A client that asks for one lock again and again, by `lab-locks ask`.
struct Question: Sendable {
  let lock: Locks.Lock
  let client: Guest

  /// The answers of the client's kernel so far, each `MILLISECONDS NAME granted` or `… refused`.
  var answers: [String] {
    client.text("ask-\(lock.name).log").split(separator: "\n")
      .filter { $0.hasSuffix(" refused") || $0.hasSuffix(" granted") }.map(String.init)
  }

  /// The longest time from one grant to the next, in milliseconds.
  var longestWait: Int {
    let times = grants.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
  }

  /// Those that granted it.
  var grants: [String] { answers.filter { $0.hasSuffix(" granted") } }
}

extension Site {
  /// What the asker asks for and must not get while the holder lives.
  var conflicting: [Question] { questions(Locks.conflicting) }

  /// What it asks for besides, and may have.
  var free: [Question] { questions(Locks.free) }

  /// The asker's, whose logs have the service's name where it is not the first.
  private func questions(_ locks: [Locks.Lock]) -> [Question] {
    locks.map { lock in
      var lock = lock
      if service.name != Service.home.name { lock.name = "\(service.name)-\(lock.name)" }
      return Question(lock: lock, client: asker)
    }
  }

  /// A client begins to ask for locks, and goes on until its power is cut.
  func ask(_ locks: [Locks.Lock], on client: Guest, below folder: String? = nil) async throws {
    try await client.run(
      locks.map {
        let log = "/lab/\(client.name)/ask-\($0.name)"
        return
          "$lab_programs/lab-locks ask \(log).log \($0.argument(below: folder ?? service.mount)) > \(log).err 2>&1 &"
      }.joined(separator: "\n"))
  }

  /// Waits until every question, by default the asker's, was answered `count` times more.
  func waitForAnswers(
    _ count: Int, to questions: [Question]? = nil, within limit: Duration = .seconds(240)
  ) async throws {
    let questions = questions ?? conflicting + free
    let before = questions.map(\.answers.count)
    try await eventually(within: limit, "questions are answered") {
      zip(questions, before).allSatisfy { $0.answers.count >= $1 + count }
    }
  }
}
