/// Prometheus' text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
enum MetricsText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// What `/metrics` answers while the node's status is `status`.
  static func render(_ status: NodeStatus) -> String {
    var text = ""
    for family in MetricFamily.all {
      text += "# HELP \(family.name) \(escape(family.help))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
      for sample in family.samples(status) {
        text += "\(family.name)\(sample.suffix)\(labels(family, sample)) \(sample.value.text)\n"
      }
    }
    return text
  }

  private static func labels(_ family: MetricFamily, _ sample: MetricFamily.Sample) -> String {
    let names = family.labels + (sample.suffix == "_bucket" ? ["le"] : [])
    guard !names.isEmpty else { return "" }
    let pairs = zip(names, sample.labels).map { "\($0)=\"\(escape($1, quotes: true))\"" }
    return "{\(pairs.joined(separator: ","))}"
  }

  private static func escape(_ text: String, quotes: Bool = false) -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    return quotes ? escaped.replacing("\"", with: "\\\"") : escaped
  }
}
