import Cluster
import StatusMonitor

/// Why a text is no fault, and where in it.
public struct FaultTextError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text.
  public var text: String
  /// The first character that is wrong, counted from 0.
  public var position: Int
  /// What is wrong there, and what would be right.
  public var message: String

  /// The text, a mark below the position, and the message.
  public var description: String { "\(text)\n\(String(repeating: " ", count: position))^\n\(message)" }
}

extension Fault {
  /// Without `for` it goes on to the end.
  public static let unending = 1_000 * 3_600 * 1_000_000

  /// The steps that can be made to fail.
  private static let steps: [PlanStep.Kind] = [
    .storage, .records, .state, .server, .address, .notify, .verify, .mirror,
  ]

  /// How often at most. Tried again with growing pauses, a step that fails so often takes longer than a grace period of
  /// the clusters that a seed makes.
  static let mostFailures = 7

  /// Which step fails, and how often; for ``Kind/stepFails``.
  var failing: (step: PlanStep.Kind, times: Int) {
    (Self.steps[amount % Self.steps.count], 1 + amount % Self.mostFailures)
  }

  /// Reads `power-cut a at 10s for 5s`, `migrate home to b at 20s`, `calls-lost a 30% at 5s for 20s`,
  /// `step-fails b storage 3x at 5s`. The only service of a cluster need not be named.
  ///
  /// - Parameter shape: whose nodes, services and clients may be named.
  /// - Throws: ``FaultTextError``.
  public init(parsing text: String, in shape: ClusterShape) throws(FaultTextError) {
    var reader = Reader(text, in: shape)
    self = try reader.read()
  }

  /// Reads one fault, word by word.
  private struct Reader {
    private typealias Word = (text: String, position: Int)

    private let text: String
    private let shape: ClusterShape
    private var words: ArraySlice<Word>

    init(_ text: String, in shape: ClusterShape) {
      self.text = text
      self.shape = shape
      words = Self.words(of: text)[...]
    }

    mutating func read() throws(FaultTextError) -> Fault {
      guard let first = words.popFirst() else { throw refuse(0, "an event is missing", nil) }
      guard let kind = Fault.Kind.allCases.first(where: { $0.word == first.text }) else {
        throw refuse(first.position, "`\(first.text)` is no event", nil)
      }
      guard shape.allows(kind) else {
        throw refuse(first.position, "`\(first.text)` \(shape.whyNot(kind))", nil)
      }
      guard let node = shape.nodes.first, let service = shape.services.first?.name else {
        throw refuse(0, "there is no service", nil)
      }
      var fault = Fault(
        kind: kind, at: -1, length: Fault.unending, node: node, service: service, client: nil, amount: 50)
      let form = kind.form
      var isNamed = form.subject == .everything || form.subject == .service && shape.services.count == 1
      var hasTarget = !form.hasTarget
      if form.hasDaemon { fault.daemon = try daemon(kind) }
      var step: Int?
      var times = 3
      while let word = words.popFirst() {
        if word.text == "at" {
          fault.at = try time(kind)
        } else if word.text == "for", form.hasLength {
          fault.length = try time(kind)
        } else if word.text == "to", form.hasTarget {
          let target = words.popFirst()
          fault.node = try self.node(target, kind)
          hasTarget = true
        } else if form.hasPercent, let percent = number(word, "%"), (1...100).contains(percent) {
          fault.amount = percent
        } else if form.hasStep, let found = Fault.steps.firstIndex(where: { $0.rawValue == word.text }) {
          step = found
        } else if form.hasStep, let count = number(word, "x"), (1...Fault.mostFailures).contains(count) {
          times = count
        } else {
          try name(word, &fault)
          isNamed = true
        }
      }
      guard isNamed else {
        throw refuse(text.count, "which \(form.subject.rawValue)? \(names(form.subject))", kind)
      }
      guard hasTarget else { throw refuse(text.count, "where to? \(names(.node))", kind) }
      guard fault.at >= 0 else { throw refuse(text.count, "when? Add `at 10s`", kind) }
      guard form.hasStep else { return fault }
      guard let step else {
        throw refuse(
          text.count, "which step? Steps are \(Fault.steps.map(\.rawValue).joined(separator: ", "))", kind)
      }
      fault.amount =
        (0..<Fault.steps.count * Fault.mostFailures).first {
          $0 % Fault.steps.count == step && 1 + $0 % Fault.mostFailures == times
        } ?? step
      return fault
    }

    private mutating func time(_ kind: Fault.Kind) throws(FaultTextError) -> Int {
      guard let value = words.popFirst() else {
        throw refuse(text.count, "a time is missing, such as 10s", kind)
      }
      guard let duration = try? DurationText.parse(value.text) else {
        throw refuse(value.position, "`\(value.text)` is no time, such as 500ms, 10s or 2m", kind)
      }
      return min(duration.wholeMicroseconds, Fault.unending)
    }

    /// `statd on`
    private mutating func daemon(_ kind: Fault.Kind) throws(FaultTextError) -> String {
      let names = shape.watchdog.map(\.name)
      let known = "daemons are \(names.joined(separator: ", "))"
      guard let word = words.popFirst() else { throw refuse(text.count, "which daemon? \(known)", kind) }
      guard names.contains(word.text) else {
        throw refuse(word.position, "no daemon `\(word.text)` is watched; \(known)", kind)
      }
      let next = words.popFirst()
      guard next?.text == "on" else {
        throw refuse(next?.position ?? text.count, "on which node? \(self.names(.node))", kind)
      }
      return word.text
    }

    private func name(_ word: Word, _ fault: inout Fault) throws(FaultTextError) {
      switch fault.kind.form.subject {
      case .node: fault.node = try node(word, fault.kind)
      case .service:
        guard let found = shape.services.first(where: { $0.name.text == word.text }) else {
          throw refuse(word.position, "there is no service `\(word.text)`; \(names(.service))", fault.kind)
        }
        fault.service = found.name
      case .client:
        guard let found = shape.clients.first(where: { $0.name.text == word.text }) else {
          throw refuse(word.position, "there is no client `\(word.text)`; \(names(.client))", fault.kind)
        }
        fault.client = found.name
      case .everything: throw refuse(word.position, "`\(word.text)` does not belong there", fault.kind)
      }
    }

    private func node(_ word: Word?, _ kind: Fault.Kind) throws(FaultTextError) -> NodeName {
      guard let word else { throw refuse(text.count, "a node is missing; \(names(.node))", kind) }
      guard let found = shape.nodes.first(where: { $0.text == word.text }) else {
        throw refuse(word.position, "there is no node `\(word.text)`; \(names(.node))", kind)
      }
      return found
    }

    private func number(_ word: Word, _ unit: Character) -> Int? {
      word.text.last == unit ? Int(word.text.dropLast()) : nil
    }

    private func names(_ subject: FaultForm.Subject) -> String {
      let names: [String] =
        switch subject {
        case .everything: []
        case .node: shape.nodes.map(\.text)
        case .service: shape.services.map(\.name.text)
        case .client: shape.clients.map(\.name.text)
        }
      return "\(subject.rawValue)s are \(names.prefix(20).joined(separator: ", "))"
    }

    /// - Parameter kind: whose form and example are told; nil tells every kind.
    private func refuse(_ position: Int, _ problem: String, _ kind: Fault.Kind?) -> FaultTextError {
      let possible: String
      if let kind {
        possible = "write \(kind.usage), such as `\(kind.example(in: shape))`"
      } else {
        let words = Fault.Kind.allCases.filter(shape.allows).map(\.word).joined(separator: ", ")
        possible = "events are \(words); for example `\(Fault.Kind.powerCut.example(in: shape))`"
      }
      return FaultTextError(text: text, position: position, message: "\(problem); \(possible)")
    }

    private static func words(of text: String) -> [Word] {
      var words: [Word] = []
      var word = ""
      for (position, character) in (text + " ").enumerated() {
        if character.isWhitespace {
          if !word.isEmpty { words.append((word, position - word.count)) }
          word = ""
        } else {
          word.append(character)
        }
      }
      return words
    }
  }
}
