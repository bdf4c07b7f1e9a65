import Foundation

/// The built `lockferry`, beside the test program.
enum BuiltLockferry {
  struct Outcome {
    var status: Int32
    var output: String
    var complaint: String
  }

  struct Failure: Error { var message: String }

  /// Runs it without a terminal; ends it after a minute.
  static func run(_ arguments: String..., in folder: String) async throws -> Outcome {
    try await run(arguments, in: folder)
  }

  /// Where it is.
  static func path() throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(filePath: own).deletingLastPathComponent().appending(path: "lockferry").path()
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw Failure(message: "there is no \(program); build it with `swift build --product lockferry`")
    }
    return program
  }

  /// The same with the arguments in a list; `command` is what runs instead of the program.
  static func run(
    _ arguments: [String], in folder: String, running command: [String]? = nil
  ) async throws -> Outcome {
    let line = try (command ?? [path()]) + arguments
    let name = UUID().uuidString
    let process = Process()
    process.executableURL = URL(filePath: line[0])
    process.arguments = Array(line.dropFirst())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try file(folder + "/\(name).out")
    process.standardError = try file(folder + "/\(name).err")
    let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
    process.terminationHandler = { _ in continuation.finish() }
    try process.run()
    let identifier = process.processIdentifier
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in ends {} }
      group.addTask {
        try await Task.sleep(for: .seconds(60))
        kill(identifier, SIGKILL)
      }
      try await group.next()
      group.cancelAll()
    }
    return Outcome(
      status: process.terminationStatus,
      output: try String(contentsOfFile: folder + "/\(name).out", encoding: .utf8),
      complaint: try String(contentsOfFile: folder + "/\(name).err", encoding: .utf8))
  }

  private static func file(_ path: String) throws -> FileHandle {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else { throw Failure(message: "can't write \(path)") }
    return handle
  }
}
