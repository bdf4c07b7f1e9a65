/// What `lockferry doctor` found.
public struct DoctorReport: Codable, Sendable, Equatable {
  /// Every check, in the order in which they depend on each other.
  public var checks: [Check]

  /// One check.
  public struct Check: Codable, Sendable, Equatable {
    /// Its name, the same in every version.
    public var check: String
    /// How it ended.
    public var result: Result
    /// What was found.
    public var detail: String
    /// What to do; nil where nothing need be done.
    public var remedy: String?

    init(_ check: String, _ result: Result, _ detail: String, remedy: String? = nil) {
      self.check = check
      self.result = result
      self.detail = detail
      self.remedy = remedy
    }
  }

  /// How a check ended.
  public enum Result: String, Codable, Sendable {
    /// As it should be.
    case ok
    /// Not as it should be.
    case failed
    /// It could not be looked at.
    case skipped
  }
}
