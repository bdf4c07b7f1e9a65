import Glibc
import Testing

@testable import NodeHost

@Suite("The machine's watchdog (B5)")
struct WatchdogDeviceTests {
  /// A FIFO and its reader.
  private final class Reader {
    let path: String
    private let folder: TemporaryFolder
    private let number: Int32

    init() throws {
      folder = try TemporaryFolder()
      path = folder.path + "/watchdog"
      try mustSucceed(mkfifo(path, 0o600), "mkfifo")
      number = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
      try #require(number >= 0)
    }

    deinit { close(number) }

    /// What has come; empty at the end, or where nothing has.
    func read() -> String {
      var bytes = [UInt8](repeating: 0, count: 100)
      let count = Glibc.read(number, &bytes, bytes.count)
      return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
  }

  @Test("A FIFO's reader gets a byte for each feed, and the magic character before the end")
  func fifo() throws {
    let reader = try Reader()
    let device = try WatchdogDevice.open(reader.path)
    #expect(reader.read() == "")
    try device.start(timeout: .seconds(4))
    #expect(reader.read() == "f")
    try device.feed()
    try device.feed()
    #expect(reader.read() == "ff")
    try device.stop()
    #expect(reader.read() == "V")
  }

  @Test("What is no watchdog is refused, and says why")
  func refusals() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.path + "/file", [])
    try mustSucceed(mkfifo(folder.path + "/lonely", 0o600), "mkfifo")
    let refused: [(String, NodeHostError.Code, String)] = [
      (folder.path + "/none", .absent, "softdog"),
      (folder.path + "/file", .invalid, "neither a watchdog device nor a FIFO"),
      (folder.path + "/lonely", .absent, "nobody reads this FIFO"),
      ("/dev/null", .invalid, "is no watchdog"),
    ]
    for (path, code, word) in refused {
      let error = #expect(throws: NodeHostError.self) { _ = try WatchdogDevice.open(path) }
      #expect(error?.code == code, "\(path)")
      #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }
  }

  @Test("A reader that is gone is an error, and not the end of this process")
  func deadReader() async throws {
    var reader: Reader? = try Reader()
    let path = try #require(reader?.path)
    let device = try WatchdogDevice.open(path)
    reader = nil
    let error = await #expect(throws: NodeHostError.self) {
      try await OwnThread.run("lf-test") { try device.feed() }
    }
    #expect(error?.message.contains(path) == true)
  }
}
