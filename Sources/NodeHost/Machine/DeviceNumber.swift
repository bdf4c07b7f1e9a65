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
}
