import Foundation
import Glibc
import NodeHost
import StatusMonitor

/// Who was to be told in an attempt, and who has answered to what: files beside the attempt's records, so that a daemon
/// that was killed tells nobody again what he has answered.
///
/// Lines are only ever appended, and not made durable: they have to outlive the daemon, not the machine, after whose
/// boot another attempt begins.
struct AttemptLedger: Sendable {
  /// Every client, one a line.
  private let everybody: String
  /// What is known of a client, one a line; its last line counts.
  private let answers: String

  /// The ledger of the attempt in this directory.
  init(in directory: StatusDirectory) {
    everybody = directory.path + "/clients"
    answers = directory.path + "/answers"
  }

  /// Notes who is to be told.
  func begin(_ clients: some Collection<ClientName>) throws {
    let text = clients.sorted().map { $0.text + "\n" }.joined()
    try Data(text.utf8).write(to: URL(fileURLWithPath: everybody))
  }

  /// Notes what these clients have answered, `elapsed` having passed between the attempt's begin and theirs.
  func append(_ ledgers: [NotificationLedger], elapsed: Duration) throws {
    // A line that a killed daemon did not finish ends here.
    let text = "\n" + ledgers.map { Self.line(HistoryEntry.Client($0, elapsed: elapsed)) }.joined()
    let file = open(answers, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.error("can't open \(answers)") }
    defer { close(file) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.error("can't write \(answers)")
      }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Everybody, and what became of each: told is who has answered to all of it, and who has no record any more; whose
  /// record is there is in `left`.
  func clients(left: Set<ClientName>) -> [HistoryEntry.Client] {
    var known: [String: HistoryEntry.Client] = [:]
    for line in Self.text(of: answers).split(separator: "\n") {
      if let client = Self.client(line) { known[client.client] = client }
    }
    let left = Set(left.map(\.text))
    let names = Self.text(of: everybody).split(separator: "\n").map(String.init)
    return Set(names).union(left).sorted().map { name in
      var client = known[name] ?? HistoryEntry.Client(client: name, told: false)
      client.told = client.told || !left.contains(name)
      return client
    }
  }

  // MARK: - Lines

  private static let separator = "\t"

  private static func line(_ client: HistoryEntry.Client) -> String {
    let fields =
      [
        client.client, client.told ? "told" : "asked", client.address ?? "-",
        String(client.attempts ?? 0), client.firstAnswerMilliseconds.map(String.init) ?? "-",
        client.toldMilliseconds.map(String.init) ?? "-",
      ] + (client.names ?? [])
    return fields.joined(separator: separator) + "\n"
  }

  private static func client(_ line: Substring) -> HistoryEntry.Client? {
    let fields = line.components(separatedBy: separator)
    guard fields.count >= 6, let attempts = Int(fields[3]), ["told", "asked"].contains(fields[1]) else {
      return nil
    }
    return HistoryEntry.Client(
      client: fields[0], told: fields[1] == "told", address: fields[2] == "-" ? nil : fields[2],
      names: Array(fields[6...]), attempts: attempts, firstAnswerMilliseconds: Int(fields[4]),
      toldMilliseconds: Int(fields[5]))
  }

  private static func text(of path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  private static func error(_ what: String) -> PlanError {
    PlanError("\(what): \(String(cString: strerror(errno)))")
  }
}
