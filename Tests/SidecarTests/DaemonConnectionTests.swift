import Foundation
import Glibc
import Testing

@testable import Sidecar
@testable import lockferry

/// A daemon that answers one connection with the bytes it is given, in pieces, or not at all.
private func withAnswer(
  _ pieces: [String]?, _ body: (DaemonConnection) async throws -> Void
) async throws {
  try await withFolder { folder in
    let path = folder + "/control.sock"
    let listener = bindSocket(path)
    defer { close(listener) }
    let end = DispatchSemaphore(value: 0)
    defer { end.signal() }
    Thread.detachNewThread {
      // The first connection only looks whether somebody listens.
      close(accept(listener, nil, nil))
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else { return }
      defer { close(connection) }
      guard let pieces else { return end.wait() }
      var question = [UInt8](repeating: 0, count: 4096)
      _ = recv(connection, &question, question.count, 0)
      for piece in pieces { send(connection, piece, piece.utf8.count, Int32(MSG_NOSIGNAL)) }
    }
    try await body(DaemonConnection(path: path))
  }
}

@Suite("The command line's side of the control socket (M10)", .timeLimit(.minutes(30)))
struct DaemonConnectionTests {
  @Test func anAnswerMayComeInPieces() async throws {
    let pieces = [
      "HTTP/1.1 200 OK\r\nTransfer-Enc", "oding: chunked\r\n\r\n4\r\n[\"on", "\r\n4\r\ne\"]\n\r\n0\r\n",
      "\r\n",
    ]
    try await withAnswer(pieces) { connection in
      let answer: [String] = try await connection.get("/v1/anything")
      #expect(answer == ["one"])
    }
  }

  /// Seen once in a while on busy machines: "I/O on closed channel".
  @Test func whoHasAnsweredAndClosedBeforeTheQuestionWasWholeIsHeardAllTheSame() async throws {
    for _ in 0..<200 {
      try await withAnswer(["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n[\"one\"]"]) {
        connection in
        let answer: [String] = try await connection.get("/v1/anything")
        #expect(answer == ["one"])
      }
    }
  }

  @Test func anAnswerThatBreaksOffIsNone() async throws {
    for piece in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[\"on", "no HTTP at all\r\n\r\n"] {
      try await withAnswer([piece]) { connection in
        let failure = await #expect(throws: CommandFailure.self) {
          let _: [String] = try await connection.get("/v1/anything")
        }
        #expect(failure?.status == .unavailable)
        #expect(failure?.message.contains("went away before it had answered") == true)
      }
    }
    // What was asked for may have happened.
    try await withAnswer([""]) { connection in
      let failure = await #expect(throws: CommandFailure.self) { try await connection.post("/v1/anything") }
      #expect(failure?.status == .indeterminate)
    }
  }

  @Test func aDaemonThatSaysNothingIsNotAwaitedForEver() async throws {
    try await withAnswer(nil) { connection in
      let failure = await #expect(throws: CommandFailure.self) {
        let _: [String] = try await connection.get("/v1/anything", within: .milliseconds(200))
      }
      #expect(failure?.status == .timedOut)
    }
  }
}
