import Glibc

/// A client whose ARP table was never renewed: it writes to the service address, but always to the machine that had it
/// at first. Asks as fast as that machine answers, twenty times a second at most, on a new connection each time, so that no
/// time-out of TCP hides when the server stopped.
///
///     lab-straggler ADDRESS MOUNTD-PORT EXPORT LOG
///
/// Every line of LOG is `MILLISECONDS took`, `MILLISECONDS refused STATUS` (an nfsstat3) or `MILLISECONDS silent WHY`, the
/// milliseconds of this machine's wall clock at the end of the question.
@main
struct LabStraggler {
  static func main() {
    signal(SIGPIPE, SIG_IGN)
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let port = UInt16(arguments[2]) else {
      refuse("usage: lab-straggler ADDRESS MOUNTD-PORT EXPORT LOG")
    }
    let log = open(arguments[4], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard log >= 0 else { refuse("can't write \(arguments[4])") }
    let server = NFSServer(address: arguments[1])
    let file = begin(arguments[3], of: server, port: port)
    while true {
      do throws(NFSFailure) {
        try server.write(Array("straggler\n".utf8), to: file)
        note("took", log)
      } catch {
        note("\(error)", log)
      }
      usleep(50_000)
    }
  }

  /// The file to write to. A busy emulated machine does not always answer in time.
  private static func begin(_ export: String, of server: NFSServer, port: UInt16) -> [UInt8] {
    var last = NFSFailure.silent("not asked")
    for _ in 0..<60 {
      do throws(NFSFailure) {
        return try server.create("straggler.dat", in: try server.mount(export, port: port))
      } catch {
        guard case .silent = error else { refuse("\(export): \(error)") }
        last = error
      }
      usleep(500_000)
    }
    refuse("\(export): \(last)")
  }

  private static func note(_ words: String, _ log: Int32) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let line = Array("\(time.tv_sec * 1000 + time.tv_nsec / 1_000_000) \(words)\n".utf8)
    _ = write(log, line, line.count)
  }

  private static func refuse(_ why: String) -> Never {
    let line = Array("lab-straggler: \(why)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(64)
  }
}
