import Sidecar

/// How every verb ends. The numbers are those of sysexits.h and of Pacemaker, so that scripts can share them.
enum ExitStatus: Int32, CaseIterable {
  case ok = 0
  case failed = 1
  case usage = 64
  case badInput = 65
  case unavailable = 69
  case notPermitted = 77
  case configuration = 78
  case noSuchObject = 105
  case storeNotWritable = 106
  case unsafe = 107
  case exists = 108
  case indeterminate = 112
  case preconditionFailed = 113
  case locksLost = 115
  case timedOut = 124

  /// The status for a refusal of the daemon.
  init(_ code: ControlError.Code) {
    self =
      switch code {
      case .failed: .failed
      case .badRequest: .badInput
      case .storeUnavailable: .unavailable
      case .noSuchObject: .noSuchObject
      case .unsafe: .unsafe
      case .exists: .exists
      case .indeterminate: .indeterminate
      case .preconditionFailed: .preconditionFailed
      }
  }
}

/// Why a verb ends with something else than 0.
struct CommandFailure: Error {
  var status: ExitStatus
  /// What the operator reads.
  var message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// A refusal of the daemon.
  init(_ refusal: ControlError) { self.init(ExitStatus(refusal.code), refusal.message) }
}
