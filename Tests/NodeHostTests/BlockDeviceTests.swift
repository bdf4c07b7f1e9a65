import Foundation
import Testing

@testable import NodeHost

/// B3 B5: after `storage.detach` nothing of this machine may write to the disk any more.
@Suite(
  "A disk that is to be handed over", .timeLimit(.minutes(30)),
  .enabled(if: LoopDevice.canBeMade, "needs root, mkfs.ext2 and loop devices"))
struct BlockDeviceTests {
  @Test func whatIsMountedWhereNobodySeesItIsStillInUse() async throws {
    let disk = try await LoopDevice()
    let device = try #require(BlockDevice(disk.number))
    #expect(device.path == disk.path)
    #expect(!device.isInUse())
    try await BlockDevice.expectUnused([device], within: .zero)

    try await disk.mount()
    #expect(try device.isMountedHere() && device.isInUse())
    // It was never detached, which is for `storage.detach` to say: this asks for what nobody sees.
    try await BlockDevice.expectUnused([device], within: .zero)

    let file = try #require(FileHandle(forWritingAtPath: disk.mountPoint + "/open"))
    try await disk.unmount("-l")
    // A test host that was started meanwhile has a copy of the mount, which goes with the folder that it is on.
    #expect(rmdir(disk.mountPoint) == 0)
    #expect(try !device.isMountedHere() && device.isInUse())
    let error = await #expect(throws: NodeHostError.self) {
      try await BlockDevice.expectUnused([device], within: .milliseconds(50))
    }
    #expect(error?.description.contains("\(disk.path) is unmounted, but the kernel still uses it") == true)

    async let unused: Void = BlockDevice.expectUnused([device], within: .seconds(60))
    try file.close()
    try await unused
    #expect(!device.isInUse())
    try await disk.remove()
  }
}

/// A file that is a disk with an empty file system.
private struct LoopDevice {
  let path: String
  let mountPoint: String
  let number: DeviceNumber
  private let folder: String

  static var canBeMade: Bool {
    getuid() == 0 && access("/dev/loop-control", F_OK) == 0
      && ["mkfs.ext2", "losetup"].allSatisfy { (try? HostPrograms.find($0, package: "")) != nil }
  }

  init() async throws {
    folder = NSTemporaryDirectory() + "lockferry-disk-" + UUID().uuidString
    mountPoint = folder + "/mounted"
    try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
    let image = folder + "/image"
    #expect(FileManager.default.createFile(atPath: image, contents: nil))
    #expect(truncate(image, 4 << 20) == 0)
    _ = try await Self.run("mkfs.ext2", "-q", image)
    path = try await Self.run("losetup", "-f", "--show", image)
    let device = URL(fileURLWithPath: path).lastPathComponent
    let text = try String(contentsOfFile: "/sys/class/block/\(device)/dev", encoding: .utf8)
    number = try #require(DeviceNumber(text.trimmingCharacters(in: .newlines)))
  }

  func mount() async throws {
    _ = try await Self.run("mount", path, mountPoint)
    #expect(FileManager.default.createFile(atPath: mountPoint + "/open", contents: nil))
  }

  func unmount(_ how: String) async throws { _ = try await Self.run("umount", how, mountPoint) }

  func remove() async throws {
    _ = try await Self.run("losetup", "-d", path)
    try FileManager.default.removeItem(atPath: folder)
  }

  @discardableResult
  private static func run(_ program: String, _ arguments: String...) async throws -> String {
    let outcome = await HostCommand.run(
      [try HostPrograms.find(program, package: program)] + arguments, within: .seconds(60))
    guard outcome.succeeded else { throw NodeHostError(.failed, "\(program): \(outcome): \(outcome.output)") }
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
