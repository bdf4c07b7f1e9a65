import Foundation
import Glibc
import HostTestKit
import Testing

extension HostTests {
  /// What `make demo` runs.
  @Suite("The demo") struct Demo {
    /// M1 M3 M5 M6 M7 M8
    @Test func itShowsTheMainJobWithinItsTime() async throws {
      let demo = try Running(["lockferry-demo"])
      try await eventually(within: .seconds(120), "the demo ends") { !demo.isRunning }
      #expect(demo.exitStatus == 0, "\(demo.output)")
      #expect(demo.output.contains("Not in it: a kernel NFS server"))
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
    func whatItStartedEndsWithIt(signal: Int32) async throws {
      // What was killed long ago may have left one under the number that this one gets.
      let before = Self.folders()
      let demo = try Running(["lockferry-demo"])
      try await eventually("the hosts are up") {
        demo.output.contains("Three hosts are up")
      }
      let started = demo.descendants()
      try #require(started.count > 3)
      kill(demo.pid, signal)
      try await eventually("the demo ends") { !demo.isRunning }
      #expect(demo.exitStatus != 0)
      try await eventually("everything that it started has ended") {
        started.allSatisfy { !Running.isAlive($0) }
      }
      // A process that is killed can't remove its files any more.
      let left = Self.folders(of: demo.pid).subtracting(before)
      if signal == SIGKILL {
        for folder in left { try FileManager.default.removeItem(atPath: folder) }
      } else {
        #expect(left.isEmpty)
      }
    }

    private static func folders(of pid: Int32? = nil) -> Set<String> {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
      return Set(
        names.filter { $0.hasPrefix(pid.map { "lockferry-\($0)-" } ?? "lockferry-") }.map { "/tmp/" + $0 })
    }
  }
}

/// A program of this package that runs on this machine, in none of the hosts.
private final class Running {
  private let process = Process()
  private let file: String

  init(_ arguments: [String]) throws {
    file = NSTemporaryDirectory() + "lockferry-output-\(UUID())"
    try Data().write(to: URL(fileURLWithPath: file))
    let writing = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    process.executableURL = URL(fileURLWithPath: try HostTestKit.builtProgram(arguments[0]))
    process.arguments = Array(arguments.dropFirst())
    process.standardOutput = writing
    process.standardError = writing
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    unlink(file)
  }

  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  var exitStatus: Int32 { process.terminationStatus }
  var output: String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }

  /// Every process that it started, and what those started.
  func descendants() -> [Int32] {
    var found: [Int32] = []
    var rest = [pid]
    while let next = rest.popLast() {
      let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(next)/task")) ?? []
      for task in tasks {
        let path = "/proc/\(next)/task/\(task)/children"
        let children = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: " ")
        rest += children.compactMap { Int32($0) }
      }
      if next != pid { found.append(next) }
    }
    return found
  }

  /// It runs; a zombie that nobody has reaped yet does not.
  static func isAlive(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let end = stat.lastIndex(of: ")")
    else { return false }
    return !stat[end...].dropFirst(2).hasPrefix("Z")
  }
}
