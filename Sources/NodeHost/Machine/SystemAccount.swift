import Glibc

/// A user of this machine, as the name service switch knows it.
struct SystemAccount: Equatable {
  let user: uid_t
  let group: gid_t

  /// nil: nobody is called so here, or nobody answers.
  init?(named name: String) {
    var buffer = [CChar](repeating: 0, count: 1_024)
    while true {
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      // getpwnam(3) has one place for the answers of all threads.
      let failure = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
      if failure == EINTR { continue }
      if failure == ERANGE, buffer.count < 1 << 20 {
        buffer = [CChar](repeating: 0, count: buffer.count * 4)
        continue
      }
      guard failure == 0, found != nil else { return nil }
      (user, group) = (entry.pw_uid, entry.pw_gid)
      return
    }
  }
}
