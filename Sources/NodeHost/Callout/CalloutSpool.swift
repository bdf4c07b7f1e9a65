public import CalloutProtocol
import Glibc

/// What callouts could not deliver.
///
/// The folder belongs to statd's user, which is the first to fall where statd is broken into from the network: what
/// lies there may be anything. File I/O: call from a thread of your own (``OwnThread/run(_:_:)``).
public struct CalloutSpool: Sendable {
  private static let longestFile = CalloutFrame.headerLength + CalloutFrame.longestBody
  /// A file that is being written is renamed at once; what has been hidden for longer was left by a callout that was
  /// killed.
  private static let hiddenSeconds: Int64 = 60

  /// Its path.
  public let path: String

  /// The spool in `places`.
  public init(_ places: CalloutPlaces) {
    path = places.spool
  }

  /// What was taken.
  public struct Content: Sendable, Equatable {
    /// Every request since this machine's last start, at most ``CalloutSpoolName/mostFiles``, in no order.
    public var requests: [CalloutRequest] = []
    /// How many files were no requests, or of an earlier boot.
    public var worthless = 0
  }

  /// Whether there is anything to take.
  public var isEmpty: Bool {
    guard let names = try? OpenDirectory(path).names() else { return true }
    return !names.contains { !Self.isHidden($0) }
  }

  /// Takes everything out; nothing where there is no spool yet.
  ///
  /// Each file is renamed before it is read: a callout that replaces it meanwhile leaves a file of its own.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be listed.
  public func take() throws(NodeHostError) -> Content {
    let directory: OpenDirectory
    do {
      directory = try OpenDirectory(path)
    } catch {
      if error.code == .absent { return Content() }
      throw error
    }
    var content = Content()
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let booted = Int64(now.tv_sec) - BootClock.now.components.seconds
    for bytes in try directory.names() where content.requests.count < CalloutSpoolName.mostFiles {
      let name = String(decoding: bytes, as: UTF8.self)
      guard let status = try? directory.status(of: name) else { continue }
      guard !Self.isHidden(bytes) else {
        if Int64(status.st_ctim.tv_sec) < Int64(now.tv_sec) - Self.hiddenSeconds { directory.remove(name) }
        continue
      }
      guard (try? directory.rename(name, to: Self.taken)) != nil else { continue }
      // What was said before the power went is overtaken by whatever the next owner saw.
      if Int64(status.st_ctim.tv_sec) >= booted - 1, let request = Self.request(Self.taken, in: directory) {
        content.requests.append(request)
      } else {
        content.worthless += 1
      }
      directory.remove(Self.taken)
    }
    return content
  }

  private static let taken = CalloutSpoolName.temporaryPrefix + "taken"

  private static func isHidden(_ name: some Collection<UInt8>) -> Bool {
    name.starts(with: CalloutSpoolName.temporaryPrefix.utf8)
  }

  private static func request(_ name: String, in directory: borrowing OpenDirectory) -> CalloutRequest? {
    // O_NONBLOCK: a fifo must not hold us up.
    let number = openat(
      directory.descriptor.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    let file = Descriptor(owning: number)
    guard let status = try? file.status(), status.st_mode & S_IFMT == S_IFREG,
      status.st_size <= longestFile, let bytes = try? file.read(limit: longestFile).get()
    else { return nil }
    return try? CalloutRequest(bytes)
  }
}
