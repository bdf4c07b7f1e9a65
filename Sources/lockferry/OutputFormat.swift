import ArgumentParser
import Foundation
import Yams

/// `-o` of every verb that shows something.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json, yaml

  /// `value` as JSON or YAML with the same keys as the control socket uses, or else the table.
  func render<Value: Encodable>(_ value: Value, table: (Value) -> String) throws -> String {
    switch self {
    case .table: return table(value)
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    case .yaml:
      let encoder = YAMLEncoder()
      encoder.options.sortKeys = true
      return try encoder.encode(value)
    }
  }
}

struct OutputOptions: ParsableArguments {
  @Option(name: [.customShort("o"), .customLong("output")], help: "table, json or yaml")
  var format: OutputFormat = .table
}
