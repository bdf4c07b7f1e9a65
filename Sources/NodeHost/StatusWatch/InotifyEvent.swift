import Glibc

/// What inotify tells of a directory (inotify(7)).
struct InotifyMask: OptionSet, Sendable {
  let rawValue: UInt32

  static let closeWrite = InotifyMask(rawValue: UInt32(IN_CLOSE_WRITE))
  static let movedFrom = InotifyMask(rawValue: UInt32(IN_MOVED_FROM))
  static let movedTo = InotifyMask(rawValue: UInt32(IN_MOVED_TO))
  static let delete = InotifyMask(rawValue: UInt32(IN_DELETE))
  static let deleteSelf = InotifyMask(rawValue: UInt32(IN_DELETE_SELF))
  static let moveSelf = InotifyMask(rawValue: UInt32(IN_MOVE_SELF))
  static let onlyDirectory = InotifyMask(rawValue: UInt32(IN_ONLYDIR))
  static let unmounted = InotifyMask(rawValue: UInt32(IN_UNMOUNT))
  static let overflow = InotifyMask(rawValue: UInt32(IN_Q_OVERFLOW))
  static let ignored = InotifyMask(rawValue: UInt32(IN_IGNORED))
  static let isDirectory = InotifyMask(rawValue: UInt32(IN_ISDIR))

  /// What is asked for about `sm/`.
  static let records: InotifyMask = [
    .closeWrite, .movedFrom, .movedTo, .delete, .deleteSelf, .moveSelf, .onlyDirectory,
  ]
}

/// One event, copied out of the kernel's buffer.
struct InotifyEvent: Sendable {
  let watch: Int32
  let mask: InotifyMask
  /// The bytes before the first NUL; empty for events about the directory itself.
  let name: [UInt8]

  /// All events in what one read(2) gave. The structure has a flexible array, which Swift doesn't import: wd, mask,
  /// cookie, len (4 bytes each), then `len` bytes of name padded with NULs.
  static func parse(_ bytes: ArraySlice<UInt8>) -> [InotifyEvent] {
    var events: [InotifyEvent] = []
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset + 16 <= buffer.count {
        let watch = buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self)
        let mask = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
        let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
        let end = offset + 16 + length
        guard end <= buffer.count else { return }
        let name = buffer[(offset + 16)..<end].prefix { $0 != 0 }
        events.append(InotifyEvent(watch: watch, mask: InotifyMask(rawValue: mask), name: Array(name)))
        offset = end
      }
    }
    return events
  }
}
