import Glibc
import StatusMonitor

extension StatusDirectory {
  /// What would keep statd, sm-notify or lockferry from doing their work here, each with what to do; empty where
  /// all is well.
  public func problems() -> [String] {
    var found: [String] = []
    let records = inspect(self.records, into: &found)
    let retired = inspect(self.retired, into: &found)
    if let records {
      if records.st_uid == 0 {
        found.append(
          "\(self.records) belongs to root, so rpc.statd keeps root; "
            + "give it to statd's user (chown statd on Debian, rpcuser on Red Hat) and restart rpc-statd")
      }
      if records.st_mode & 0o022 != 0 {
        found.append("\(self.records) may be written by others than its owner; chmod go-w \(self.records)")
      }
      if let retired, retired.st_uid != records.st_uid {
        found.append(
          "\(self.retired) belongs to user \(retired.st_uid) and \(self.records) to user \(records.st_uid): "
            + "sm-notify can't remove what it has worked off; chown \(records.st_uid) \(self.retired)")
      }
    }
    if let problem = stateProblem() { found.append(problem) }
    return found
  }

  private func inspect(_ folder: String, into found: inout [String]) -> stat? {
    var status = Glibc.stat()
    guard stat(folder, &status) == 0 else {
      found.append(
        errno == ENOENT
          ? "\(folder) isn't there: install nfs-common (nfs-utils) or set status_directory to where statd keeps it"
          : "\(folder): \(systemErrorText(errno))")
      return nil
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      found.append("\(folder) isn't a directory; remove it and restart rpc-statd")
      return nil
    }
    return status
  }

  private func stateProblem() -> String? {
    do {
      switch try stateNumber() {
      case .number(let number):
        if number.value.isMultiple(of: 2) {
          return
            "\(stateFile) holds the even number \(number), which means \"down\"; sm-notify makes it odd when it runs next"
        }
        return nil
      case .absent:
        return
          "\(stateFile) isn't there: sm-notify makes it when it runs first (systemctl start rpc-statd-notify)"
      case .unreadable(let reason):
        return
          "\(stateFile): \(reason); sm-notify writes it when it runs next (systemctl start rpc-statd-notify)"
      }
    } catch {
      return error.message
    }
  }
}
