internal import Foundation

/// A request, as far as the endpoints care.
struct HTTPQuestion: Sendable, Equatable {
  var method: String
  /// Still percent-encoded, beginning with `/`.
  var path: String
  /// Names and values of the query, decoded, in order.
  var query: [Parameter] = []
  var body: [UInt8] = []
  /// The header of that name.
  var authorization: String?

  struct Parameter: Sendable, Equatable {
    var name: String
    var value: String
  }

  /// The values under `name`.
  func values(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }
}

/// What is answered to it.
struct HTTPAnswer: Sendable, Equatable {
  var code: Int
  /// Empty for an answer without a body.
  var body: [UInt8] = []
  /// What the body is.
  var contentType = "application/json"
  /// For 405.
  var allowedMethods: [String] = []

  init(
    code: Int, body: [UInt8] = [], contentType: String = "application/json", allowedMethods: [String] = []
  ) {
    self.code = code
    self.body = body
    self.contentType = contentType
    self.allowedMethods = allowedMethods
  }

  /// An answer with `value` as its body, its keys sorted so that equal values are equal bytes.
  init(code: Int, json value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      self.init(code: code, body: Array(try encoder.encode(value)) + [UInt8(ascii: "\n")])
    } catch {
      self.init(code: 500, body: Array(#"{"code":1,"message":"the answer can't be written as JSON"}"#.utf8))
    }
  }
}
