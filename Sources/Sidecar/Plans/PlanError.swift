/// Why a step of a plan has failed; the step is tried again.
struct PlanError: Error, Sendable, CustomStringConvertible {
  /// What happened and what the operator can do.
  let message: String

  init(_ message: String) {
    self.message = message
  }

  var description: String { message }
}
