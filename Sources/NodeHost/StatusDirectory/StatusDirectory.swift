import CLinux
import Glibc
public import StatusMonitor

/// The folder in which rpc.statd keeps what must survive a crash: `sm/` with a monitor record per client, `sm.bak/`
/// with the records that sm-notify is working off, and `state` with the state number (nfs-utils,
/// support/nsm/file.c).
///
/// Every call is file I/O that may block as long as the disk does: call from a thread of your own
/// (``OwnThread/run(_:_:)``). One writer at a time for one client's record and for the state file.
public struct StatusDirectory: Sendable {
  /// The folder itself.
  public let path: String
  /// The folder of the records.
  public var records: String { path + "/sm" }
  /// The folder of the records that sm-notify has retired: renamed there before it notifies.
  public var retired: String { path + "/sm.bak" }
  /// The file with the state number.
  public var stateFile: String { path + "/state" }

  /// The folder at `path`, which need not exist yet.
  public init(path: String) {
    self.path = path
  }

  /// Which of the two folders of records.
  public enum Folder: Sendable {
    /// `sm/`
    case records
    /// `sm.bak/`
    case retired
  }

  /// Opens one of the folders, as whatever it is now.
  func open(_ folder: Folder) throws(NodeHostError) -> OpenDirectory {
    try OpenDirectory(trusted: folder == .records ? "sm" : "sm.bak", in: path)
  }

  /// The clients that have a file in the folder, names only; names that no client can have are left out.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be listed; `absent` where it isn't there.
  public func clients(in folder: Folder) throws(NodeHostError) -> Set<ClientName> {
    let directory = try open(folder)
    var clients: Set<ClientName> = []
    for name in try directory.names() {
      if let client = try? ClientName(name) { clients.insert(client) }
    }
    return clients
  }

  /// Reads one client's record from `sm/`.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be read; a record that can't be is `.refused`.
  public func read(_ client: ClientName) throws(NodeHostError) -> RecordReading {
    let directory = try open(.records)
    switch RecordFile(client: client).read(in: directory) {
    case .read(let bytes, _): return .record(bytes)
    case .absent: return .absent
    case .refused(let reason): return .refused(reason: reason)
    }
  }
}

extension StatusDirectory {
  /// User and group of `sm/`, as which rpc.statd runs once it has given up root.
  ///
  /// - Throws: ``NodeHostError`` where there is no `sm/`.
  public func statusMonitorUser() throws(NodeHostError) -> (user: UInt32, group: UInt32) {
    let status = try open(.records).status()
    return (status.st_uid, status.st_gid)
  }

  /// Reads one client's record from `sm/` if it was written within the last seconds; nil where it is older, isn't there,
  /// or can't be a record.
  ///
  /// - Throws: ``NodeHostError`` where the folder can't be read.
  func readFresh(_ client: ClientName) throws(NodeHostError) -> [UInt8]? {
    let directory = try open(.records)
    guard case .read(let bytes, settled: nil) = RecordFile(client: client).read(in: directory) else {
      return nil
    }
    return bytes
  }
}

/// What was found under one client's name.
public enum RecordReading: Sendable, Equatable {
  /// The whole file, byte for byte.
  case record([UInt8])
  /// No such file.
  case absent
  /// Something is there that can't be a record, or can't be read, and why.
  case refused(reason: String)
}

/// Something in `sm/` that can't be a record.
public struct RefusedFile: Hashable, Sendable, CustomStringConvertible {
  /// Its name in printable form: bytes outside printable ASCII as `\xNN`.
  public let name: String
  /// The client, where the name could be one's: that client's record may be there, it just can't be read.
  public let client: ClientName?
  /// Why, without a full stop.
  public let reason: String

  /// A refusal told by someone else.
  public init(name: String, client: ClientName?, reason: String) {
    self.name = name
    self.client = client
    self.reason = reason
  }

  /// Name and reason.
  public var description: String { "\"\(name)\": \(reason)" }
}

/// Which directory a path named: what changes when another one is put in its place.
public struct DirectoryIdentity: Hashable, Sendable, CustomStringConvertible {
  /// The device number.
  public let device: UInt64
  /// The inode number.
  public let inode: UInt64

  init(_ status: stat) {
    self.device = UInt64(status.st_dev)
    self.inode = UInt64(status.st_ino)
  }

  /// Device and inode.
  public var description: String { "\(device):\(inode)" }
}
