import HostTestKit

/// What a machine does about itself.
extension Scenario {
  /// B5: nothing but the machine's own watchdog stops a server whose daemon hangs while its kernel serves on.
  static let daemonHangs = Scenario(
    name: "daemon-hangs",
    what: "lockferry on the primary hangs, nothing fences it; its own watchdog resets the machine",
    setting: Setting(isFenced: false, hasWatchdog: true, graceSeconds: 240)
  ) { site in
    let held = try await site.begin()
    let began = Moment.now
    try await site.a.run("kill -STOP $(cat /run/lockferry.pid)")
    site.note("lockferry on a hangs")
    try await eventually(within: .seconds(120), "a is reset by its own watchdog") { await !site.a.isOn }
    let reset = began.milliseconds(toBoot: Moment.now.bootNanoseconds)
    site.note("a is reset")
    let isEarly =
      try await site.b.outcome("curl -s -f -m 5 'http://127.0.0.1:9943/primary?service=home'").status != 0
    try await site.a.powerCut()
    var outcome = try await site.judgeAdoption(heldBefore: held)
    outcome.remarks.append("a was reset \(reset / 1000) s after its daemon hung")
    if !isEarly { outcome.problems.append("b had the service before a was reset") }
    return outcome
  }
}
