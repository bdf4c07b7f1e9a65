import CLinux
import Glibc

/// A watchdog that resets this machine when nobody feeds it in time: the kernel's, such as `/dev/watchdog`, or a FIFO
/// whose reader is one.
///
/// A FIFO's reader gets a byte for each feed and a `V` for the stop, as the kernel's devices do; for how long it waits is
/// its own affair.
public final class WatchdogDevice: Sendable {
  /// Where it is.
  public let path: String
  private let file: Descriptor
  private let isFIFO: Bool

  /// Opens it, by which a kernel's device begins to count, from its own time down.
  ///
  /// - Throws: ``NodeHostError``: `held`, another process has it; `invalid`, it is neither a watchdog nor a FIFO, or could
  ///   not be stopped again or would stop by itself when this process dies; `absent`, it isn't there, or a FIFO has no
  ///   reader.
  public static func open(_ path: String) throws(NodeHostError) -> WatchdogDevice {
    try WatchdogDevice(path)
  }

  private init(_ path: String) throws(NodeHostError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw NodeHostError(errno, path, remedy: Self.remedy) }
    let isFIFO = status.st_mode & S_IFMT == S_IFIFO
    guard isFIFO || status.st_mode & S_IFMT == S_IFCHR else {
      throw NodeHostError(.invalid, "\(path) is neither a watchdog device nor a FIFO")
    }
    if !isFIFO { try Self.expectStoppable(path, status.st_rdev) }
    let number = Glibc.open(path, O_WRONLY | O_CLOEXEC | (isFIFO ? O_NONBLOCK : 0))
    guard number >= 0 else { throw Self.failure(errno, path, isFIFO: isFIFO) }
    file = Descriptor(owning: number)
    self.path = path
    self.isFIFO = isFIFO
    guard !isFIFO else { return }
    var needsMagic = false
    let failure = lfh_watchdog_needs_magic(number, &needsMagic)
    guard failure == 0, needsMagic else {
      _ = try? stop()
      throw NodeHostError(
        .invalid,
        failure == 0
          ? "\(path) stops when a process that holds it dies, so it would not reset this machine; load another driver"
          : "\(path) is no watchdog: \(systemErrorText(-failure))")
    }
  }

  /// Lets it count anew, from `timeout` down.
  ///
  /// - Parameter timeout: whole seconds.
  /// - Throws: ``NodeHostError`` where it takes another time, or none.
  public func start(timeout: Duration) throws(NodeHostError) {
    guard !isFIFO else { return try feed() }
    let wanted = Int32(clamping: timeout.components.seconds)
    var seconds = wanted
    let failure = lfh_watchdog_set_timeout(file.number, &seconds)
    guard failure == 0 else { throw NodeHostError(-failure, "\(path) does not take a time of \(wanted) s") }
    guard seconds == wanted else {
      throw NodeHostError(
        .invalid,
        "\(path) takes \(seconds) s where \(wanted) s were asked for; set self_fence.timeout to what it takes"
      )
    }
  }

  /// Lets it count anew.
  ///
  /// - Throws: ``NodeHostError`` where it is not to be fed; then it goes on counting.
  public func feed() throws(NodeHostError) { try write("f") }

  /// Stops it; nothing may be asked of it afterwards.
  ///
  /// - Throws: ``NodeHostError`` where it may go on counting.
  public func stop() throws(NodeHostError) {
    try write("V")
    guard !isFIFO else { return }
    let failure = lfh_watchdog_stop(file.number)
    // A driver without that stops when it is closed after the magic character.
    guard failure == 0 || failure == -EOPNOTSUPP || failure == -ENOTTY else {
      throw NodeHostError(-failure, "\(path) can't be stopped")
    }
  }

  private func write(_ character: Character) throws(NodeHostError) {
    if let failure = file.write(Array(String(character).utf8)) { throw NodeHostError(failure, path) }
  }

  /// A device that can't be stopped would reset this machine after whatever it was once started for.
  private static func expectStoppable(_ path: String, _ device: dev_t) throws(NodeHostError) {
    // Misc device 130 is the first watchdog by its old name (include/linux/miscdevice.h, WATCHDOG_MINOR).
    var (major, minor): (UInt32, UInt32) = (0, 0)
    lfh_device_numbers(device, &major, &minor)
    let folder =
      major == 10 && minor == 130 ? "/sys/class/watchdog/watchdog0" : "/sys/dev/char/\(major):\(minor)"
    guard
      case .success(let text?) = Result(catching: { () throws(SystemError) in
        try contentsOfFile(folder + "/nowayout")
      })
    else { return }
    if text.first == UInt8(ascii: "1") {
      throw NodeHostError(
        .invalid,
        "\(path) can't be stopped once it runs (nowayout), so this machine would be reset whenever it gives a service "
          + "away; load its driver with nowayout=0")
    }
  }

  private static func failure(_ number: Int32, _ path: String, isFIFO: Bool) -> NodeHostError {
    if number == EBUSY {
      return NodeHostError(
        .held, "\(path): another process has it (RuntimeWatchdogSec= of systemd, sbd, watchdog?)")
    }
    if isFIFO, number == ENXIO { return NodeHostError(.absent, "\(path): nobody reads this FIFO") }
    return NodeHostError(number, path, remedy: remedy)
  }

  private static let remedy = "load the driver of this machine's watchdog, or softdog where it has none"
}
