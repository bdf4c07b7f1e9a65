import CLinux
import Glibc

/// Messages to systemd, or whatever started this process in its manner (sd_notify(3)).
public enum ServiceNotification {
  /// Sends `state`, such as `READY=1` or `STATUS=…` (several lines in one message), to `$NOTIFY_SOCKET`.
  ///
  /// Does nothing where the variable isn't set or nobody listens: a service manager that is gone is no reason to
  /// stop serving. Never blocks.
  public static func notify(_ state: String) {
    guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }) else { return }
    send(state, to: path)
  }

  @discardableResult
  static func send(_ state: String, to path: String) -> Bool {
    guard path.hasPrefix("/") || path.hasPrefix("@") else { return false }
    let bytes = Array(state.utf8)
    return lfh_send_unix_datagram(path, bytes, bytes.count) == 0
  }
}
