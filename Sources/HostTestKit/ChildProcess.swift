import CLinux
import Foundation
import Glibc
import Synchronization

/// How a program ended.
public enum ProgramEnd: Sendable, Equatable, CustomStringConvertible {
  /// With this exit status.
  case exited(Int32)
  /// By this signal.
  case signalled(Int32)

  /// Exit status 0.
  public var succeeded: Bool { self == .exited(0) }

  /// What is printed.
  public var description: String {
    switch self {
    case .exited(let status): "exit status \(status)"
    case .signalled(let signal): "signal \(signal)"
    }
  }
}

/// A child of this process, in a process group of its own, so that Ctrl-C at a terminal reaches only the parent,
/// which then ends its hosts in order.
///
/// Its process id stays valid for signals until ``end`` is known: a thread waits for it with `WNOWAIT`, and reaps
/// it under the same lock under which signals are sent, so no signal can reach a stranger that got the number.
final class ChildProcess: Sendable {
  let pid: pid_t
  private let ended = Mutex<ProgramEnd?>(nil)

  /// Starts `arguments[0]`, found on the path. The descriptors are duplicated; the caller closes its own.
  init(
    _ arguments: [String], environment: [String: String], input: Int32, output: Int32, errors: Int32
  ) throws(HostTestError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    // What a test has open is none of its programs' business, and would count against their limits.
    lfh_close_others_in_child(&actions)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var pid: pid_t = 0
    let failure = posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
    guard failure == 0 else {
      throw HostTestError("can't start \(arguments[0]): \(String(cString: strerror(failure)))")
    }
    self.pid = pid
    Thread.detachNewThread { self.reapWhenEnded() }
  }

  /// How it ended; nil while it runs.
  var end: ProgramEnd? { ended.withLock { $0 } }

  /// Sends a signal, unless it has ended.
  func send(_ signal: Int32) {
    ended.withLock { if $0 == nil { kill(pid, signal) } }
  }

  /// Sends a signal to `descendant`, a child of this process, as long as this process runs and so may reap it.
  func send(_ signal: Int32, to descendant: pid_t) {
    ended.withLock { if $0 == nil { kill(descendant, signal) } }
  }

  private func reapWhenEnded() {
    var information = siginfo_t()
    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    ended.withLock { ended in
      var status: Int32 = 0
      while waitpid(pid, &status, 0) == -1, errno == EINTR {}
      let signal = status & 0x7f
      ended = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }
  }

  /// The processes whose parent is `pid`; empty once it has ended.
  static func children(of pid: pid_t) -> [pid_t] {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8) else {
      return []
    }
    return text.split(separator: " ").compactMap { pid_t($0) }
  }
}
