import Glibc
import ONCRPC
import RPCTransport
import StatusMonitor

/// What a lock manager answers its status monitor, and what it heard.
struct LockManagerCallbacks {
  /// The lock manager, in the versions that lockd registers.
  static let program: UInt32 = 100_021
  static let versions: [UInt32] = [1, 3, 4]
  /// `NLMPROC_NSM_NOTIFY` of Linux and `NLM_SM_NOTIFY` of the BSDs, the two that statd agrees to call.
  static let procedures: Set<UInt32> = [16, 24]

  /// A callback, and when it came.
  struct Callback {
    let call: RPCCall
    let content: RestartCallback
    let realTime: timespec
    let bootNanoseconds: Int64

    /// The line that `nsm-peer listen` prints.
    var line: JSONLine {
      JSONLine().with("program", call.program).with("version", call.version)
        .with("procedure", call.procedure).with("mon_name", content.printableMonName)
        .with("state", content.state).with("private", hexadecimal(content.cookie))
        .with("at", iso8601(realTime)).with("boot_ns", bootNanoseconds)
    }
  }

  private var answered: Set<String> = []

  /// The answer to a call, and the callback where it is one that has not been heard yet.
  mutating func answer(_ arrival: RPCServer.Arrival) -> (outcome: RPCReply.Outcome, callback: Callback?) {
    let call = arrival.call
    guard call.program == Self.program else { return (.programUnavailable, nil) }
    guard Self.versions.contains(call.version) else {
      return (.programMismatch(low: Self.versions[0], high: Self.versions[Self.versions.count - 1]), nil)
    }
    if call.procedure == 0 { return (.success([]), nil) }
    guard Self.procedures.contains(call.procedure) else { return (.procedureUnavailable, nil) }
    do throws(XDRError) {
      let content = try RestartCallback(arguments: arrival.arguments)
      // statd sends the same call again where it missed the answer.
      guard answered.insert("\(call.transactionID) \(arrival.caller)").inserted else {
        return (.success([]), nil)
      }
      let callback = Callback(
        call: call, content: content, realTime: now(CLOCK_REALTIME), bootNanoseconds: bootNanoseconds())
      return (.success([]), callback)
    } catch {
      return (.garbageArguments, nil)
    }
  }
}

private func now(_ clock: clockid_t) -> timespec {
  var time = timespec()
  clock_gettime(clock, &time)
  return time
}

private func bootNanoseconds() -> Int64 {
  let time = now(CLOCK_BOOTTIME)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// `2026-11-21T01:29:42.123Z`
private func iso8601(_ time: timespec) -> String {
  var seconds = time.tv_sec
  var parts = tm()
  gmtime_r(&seconds, &parts)
  func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
  let date = [Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)].map { padded($0, 2) }
  let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }
  return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
    + padded(time.tv_nsec / 1_000_000, 3) + "Z"
}
