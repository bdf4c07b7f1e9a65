import Glibc

/// NFSv4 of an isolated service.
public struct ServiceVersion4: Sendable, Equatable {
  /// The folder of nfsdcld's database, on the service's own storage: what the next owner knows of the clients is what is
  /// in it.
  public let clientRecords: String
  /// What the server calls itself to clients, the same on every node: one that finds another name after a failover takes it
  /// for another server, and reclaims nothing (RFC 8881, 2.10.4; fs/nfs/nfs4proc.c,
  /// `_nfs4_proc_exchange_id`). The kernel takes the host name of whoever starts nfsd (fs/nfsd/nfssvc.c, `nfsd_svc`), of
  /// which Linux keeps 64 bytes.
  public let scope: String

  /// Both as they are written.
  public init(clientRecords: String, scope: String) {
    self.clientRecords = clientRecords
    self.scope = String(decoding: scope.utf8.prefix(64), as: UTF8.self)
  }

  /// Makes the folder where it isn't there.
  ///
  /// - Parameter exports: what the service exports.
  /// - Throws: ``NodeHostError`` where it is on no file system that is exported: it would stay behind when the service goes.
  func makeFolder(exports: [String]) throws(NodeHostError) {
    let isNew = mkdir(clientRecords, 0o700) == 0
    guard isNew || errno == EEXIST else {
      throw NodeHostError(errno, clientRecords)
    }
    // Clients can write beside it: a link that one of them has put in its place is not followed.
    let folder = try Descriptor.open(clientRecords, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    var status = stat()
    guard fstat(folder.number, &status) == 0 else { throw NodeHostError(errno, clientRecords) }
    guard status.st_uid == 0 else {
      throw NodeHostError(
        .invalid, "\(clientRecords) belongs to user \(status.st_uid), not to root: who has made it?")
    }
    var exported: [dev_t] = []
    for path in exports { exported.append(try Self.device(path)) }
    guard exported.contains(status.st_dev) else {
      if isNew { rmdir(clientRecords) }
      throw NodeHostError(
        .invalid,
        "\(clientRecords) is on no file system that the service exports, with which it would go to the next owner; does storage.attach mount it?"
      )
    }
    // It is theirs to read for nobody.
    guard fchmod(folder.number, 0o700) == 0 else { throw NodeHostError(errno, clientRecords) }
  }

  private static func device(_ path: String) throws(NodeHostError) -> dev_t {
    var status = stat()
    guard stat(path, &status) == 0 else { throw NodeHostError(errno, path) }
    return status.st_dev
  }
}
