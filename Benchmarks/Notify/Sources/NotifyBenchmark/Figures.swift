/// What is printed.
enum Figures {
  /// `1.234`, or with 0 places `1`
  static func text(_ value: Double, places: Int = 3) -> String {
    guard places > 0 else { return "\(Int(value.rounded()))" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    let digits = String(scaled % scale)
    return "\(scaled / scale).\(String(repeating: "0", count: places - digits.count))\(digits)"
  }

  static func median(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.sorted()[values.count / 2]
  }

  /// `(aim: at most 2.00)`, or that it is missed.
  static func aim(_ limit: Double, met isMet: Bool) -> String {
    "(aim: at most \(text(limit, places: 2))\(isMet ? "" : ", MISSED"))"
  }
}
