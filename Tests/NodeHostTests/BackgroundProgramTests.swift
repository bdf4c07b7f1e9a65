import Glibc
import Testing

@testable import NodeHost

/// Programs such as `lockferry statd --background`.
@Suite("Programs that go into the background when they are ready")
struct BackgroundProgramTests {
  private func start(_ script: String, within limit: Duration = .seconds(60)) throws -> CommandOutcome? {
    try BackgroundProgram.start(["/bin/sh", "-c", script], within: limit)
  }

  @Test("One that is ready goes on", .timeLimit(.minutes(30)))
  func ready() throws {
    let folder = try TemporaryFolder()
    let fifo = folder.path + "/fifo"
    try mustSucceed(mkfifo(fifo, 0o600), fifo)
    // It ends when somebody has read what it says afterwards.
    #expect(try start("echo begins; printf '\\0'; exec > \(fifo) 2>&1; echo goes on") == nil)
    let said = try Descriptor.open(fifo, O_RDONLY)
    #expect(try said.read(limit: 100).get() == Array("goes on\n".utf8))
  }

  @Test("One that ends before it is ready has its status and words told")
  func ends() throws {
    let outcome = try start("echo why >&2; exit 3")
    #expect(outcome == CommandOutcome(status: .exited(3), output: "why\n"))
  }

  @Test("One that is not ready in time is ended")
  func late() throws {
    let outcome = try start("echo waits; exec sleep 600", within: .milliseconds(300))
    #expect(outcome?.status == .timedOut)
  }

  @Test("A program that isn't there is named")
  func absent() {
    #expect { _ = try BackgroundProgram.start(["/nowhere/statd"], within: .seconds(1)) } throws: {
      "\($0)".contains("/nowhere/statd")
    }
  }
}
