import Foundation
import HostTestKit

/// Operator's commands that write down that they run and wait while somebody holds their gate.
struct StepGate {
  let folder: String

  init(_ folder: String) throws {
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// A command for `step` that does `then` when it is through.
  func command(_ step: String, then: String = "true") throws -> NodeFile.Command {
    let script = """
      set -e
      cd '\(folder)'
      echo run >> '\(step).runs'
      while [ -e '\(step).hold' ]; do sleep 0.02; done
      \(then)

      """
    let path = "\(folder)/\(step).sh"
    try script.write(toFile: path, atomically: true, encoding: .utf8)
    return .program(["/bin/bash", path], timeout: 120)
  }

  /// Closes the gate of `step`.
  func hold(_ step: String) throws {
    try Data().write(to: URL(fileURLWithPath: "\(folder)/\(step).hold"))
  }

  /// Opens it.
  func open(_ step: String) throws {
    try FileManager.default.removeItem(atPath: "\(folder)/\(step).hold")
  }

  /// How often the command of `step` was started.
  func runs(_ step: String) -> Int {
    let text = (try? String(contentsOfFile: "\(folder)/\(step).runs", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").count
  }
}
