import Foundation
import HostTestKit

/// Commands of the lab machine itself, for what comes before any guest: packages, images.
enum Shell {
  /// Runs a script with bash, `$1`, `$2`, … being `arguments`, and returns what it printed.
  @discardableResult
  static func run(_ script: String, _ arguments: [String] = [], within limit: Duration = .seconds(600))
    async throws
    -> String
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-e", "-u", "-o", "pipefail", "-c", script, "lab"] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"]) { $1 }
    process.standardInput = FileHandle.nullDevice
    // A file, not a pipe: nobody has to read it while the command runs.
    let path = NSTemporaryDirectory() + "/lockferry-lab-\(UUID())"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    process.standardOutput = output
    process.standardError = output
    try process.run()
    do {
      try await eventually(within: limit, "the command ends: \(script)") { !process.isRunning }
    } catch {
      process.terminate()
      throw error
    }
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    guard process.terminationStatus == 0 else {
      throw HostTestError(
        "\(text.suffix(4000))\nThat was status \(process.terminationStatus) of the command:\n\(script)")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
