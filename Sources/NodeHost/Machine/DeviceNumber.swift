/// A file system's device, as the kernel prints it. Of btrfs and its like it differs from what stat(2) says of the files.
public struct DeviceNumber: Hashable, Sendable {
  /// Major number.
  public var major: UInt32
  /// Minor number.
  public var minor: UInt32

  /// A device.
  public init(major: UInt32, minor: UInt32) {
    (self.major, self.minor) = (major, minor)
  }

  /// `8:1`; nil where the text is none.
  init?(_ text: some StringProtocol) {
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
    self.init(major: major, minor: minor)
  }
}
