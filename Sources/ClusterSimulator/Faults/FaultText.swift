import Cluster
import StatusMonitor

/// Why a text is no fault, and where in it.
public struct FaultTextError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The text.
  public var text: String
  /// The first character that is wrong, counted from 0.
  public var position: Int
  /// What is wrong there.
  public var message: String

  /// The text, a mark below the position, and the message.
  public var description: String { "\(message)\n  \(text)\n  \(String(repeating: " ", count: position))^" }
}

extension Fault {
  /// The kind as it is written: `power-cut`.
  public static func word(_ kind: Kind) -> String {
    var word = ""
    for character in "\(kind)" {
      if character.isUppercase { word += "-" }
      word += character.lowercased()
    }
    return word
  }

  /// Reads `power-cut a at 10s for 5s`, `order home to b at 20s`, `calls-lost a 30% at 5s for 20s`.
  ///
  /// - Parameter shape: whose nodes, services and clients may be named.
  /// - Throws: ``FaultTextError``.
  public init(parsing text: String, in shape: ClusterShape) throws(FaultTextError) {
    func refuse(_ position: Int, _ message: String) -> FaultTextError {
      FaultTextError(text: text, position: position, message: message)
    }
    let words = Self.words(of: text)
    guard let first = words.first else { throw refuse(0, "an event is missing") }
    guard let kind = Kind.allCases.first(where: { Self.word($0) == first.text }) else {
      throw refuse(
        first.position,
        "'\(first.text)' is no event; events are: " + Kind.allCases.map(Self.word).joined(separator: ", "))
    }
    guard let node = shape.nodes.first, let service = shape.services.first?.name else {
      throw refuse(0, "there is no node or no service")
    }
    self.init(
      kind: kind, at: -1, length: 10_000_000, node: node, service: service, client: shape.clients.first?.name,
      amount: 50)
    var rest = words.dropFirst()
    var hasTarget = false
    while let word = rest.popFirst() {
      if word.text == "at" || word.text == "for" {
        guard let value = rest.popFirst() else { throw refuse(text.count, "a time is missing, such as 10s") }
        guard let duration = try? DurationText.parse(value.text) else {
          throw refuse(value.position, "'\(value.text)' is no time, such as 500ms, 10s or 2m")
        }
        if word.text == "at" { at = duration.wholeMicroseconds } else { length = duration.wholeMicroseconds }
      } else if word.text == "to" {
        guard let value = rest.popFirst() else { throw refuse(text.count, "a node is missing") }
        guard let target = shape.nodes.first(where: { $0.text == value.text }) else {
          throw refuse(value.position, "there is no node '\(value.text)'")
        }
        self.node = target
        hasTarget = true
      } else if word.text.hasSuffix("%"), let percent = Int(word.text.dropLast()), (1...100).contains(percent)
      {
        amount = percent
      } else if let named = shape.nodes.first(where: { $0.text == word.text }), !hasTarget {
        self.node = named
      } else if let named = shape.services.first(where: { $0.name.text == word.text }) {
        self.service = named.name
      } else if let named = shape.clients.first(where: { $0.name.text == word.text }) {
        self.client = named.name
      } else {
        throw refuse(
          word.position, "'\(word.text)' is neither a node, a service, a client, 'at', 'for' nor 'to'")
      }
    }
    guard at >= 0 else { throw refuse(text.count, "when? Add 'at 10s'") }
  }

  private static func words(of text: String) -> [(text: String, position: Int)] {
    var words: [(text: String, position: Int)] = []
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
