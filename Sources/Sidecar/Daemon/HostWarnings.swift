import NodeHost

/// What is wrong with this node's status directory, looked at now and then so that asking costs no file access.
actor HostWarnings {
  private let directory: StatusDirectory
  private let clock: any Clock<Duration>
  /// Each with what to do.
  private(set) var current: [String] = []

  init(directory: StatusDirectory, clock: some Clock<Duration>) {
    self.directory = directory
    self.clock = clock
  }

  /// Looks every few seconds until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      let directory = directory
      if let found = try? await OwnThread.run("lf-warnings", { directory.problems() }) { current = found }
      try? await clock.sleep(for: .seconds(5), tolerance: .seconds(1))
    }
  }
}
