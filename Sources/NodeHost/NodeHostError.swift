import Glibc

/// Why something on this machine could not be read, changed or started.
public struct NodeHostError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure; more kinds may come.
  public struct Code: Hashable, Sendable {
    private enum Kind: String {
      case invalid, absent, denied, held, conflict, duplicate, full, failed
    }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// What was asked for can't exist; nothing was tried.
    public static let invalid = Code(.invalid)
    /// The file, directory or interface isn't there.
    public static let absent = Code(.absent)
    /// The kernel forbids it to this process.
    public static let denied = Code(.denied)
    /// Another process holds it.
    public static let held = Code(.held)
    /// The machine is in a state that contradicts what was asked for.
    public static let conflict = Code(.conflict)
    /// Another machine has the address.
    public static let duplicate = Code(.duplicate)
    /// No room on the file system.
    public static let full = Code(.full)
    /// Any other failure.
    public static let failed = Code(.failed)
  }

  /// The kind of failure.
  public let code: Code
  /// What happened to which path, address or program, and what to do next.
  public let message: String

  /// A failure with what the operator should read.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// A failure of a system call, told as "`subject`: reason".
  init(_ number: Int32, _ subject: String, remedy: String? = nil) {
    let code: Code =
      switch number {
      case ENOENT, ENOTDIR, ENODEV: .absent
      case EACCES, EPERM, EROFS: .denied
      case ENOSPC, EDQUOT: .full
      default: .failed
      }
    self.init(code, subject + ": " + systemErrorText(number) + (remedy.map { "; " + $0 } ?? ""))
  }

  /// The message.
  public var description: String { message }
}

/// What the C library calls an error number.
func systemErrorText(_ number: Int32) -> String {
  // glibc's strerror is safe in several threads since 2.32.
  strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
