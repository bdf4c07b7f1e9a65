import CLinux
import Glibc

/// The log of this machine (syslog(3)).
public enum SystemLog {
  /// LOG_DAEMON (RFC 3164, 4.1.1).
  private static let facility = 3

  /// Sends a line. Never waits: where the logger hangs or isn't there the line is lost.
  ///
  /// - Parameters:
  ///   - severity: 0...7, the most urgent first (RFC 3164, 4.1.1).
  ///   - program: who says it.
  public static func send(_ line: String, severity: Int, as program: String) {
    let text = "<\(facility << 3 | severity)>\(program)[\(getpid())]: " + printableText(line.utf8, limit: 900)
    let bytes = Array(text.utf8)
    _ = lfh_send_unix_datagram("/dev/log", bytes, bytes.count)
  }
}
