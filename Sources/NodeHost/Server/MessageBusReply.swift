/// What `dbus-send --print-reply` printed of a reply, as far as our calls have one: booleans, strings and numbers.
struct MessageBusReply: Equatable {
  enum Value: Equatable {
    case boolean(Bool)
    case string(String)
    case number(UInt32)
  }

  /// The unique name of the connection that answered, `:1.7`, or the bus itself.
  let sender: String
  let values: [Value]

  /// Nil where it is no such reply.
  init?(parsing text: String) {
    let lines = text.split(separator: "\n")
    guard let first = lines.firstIndex(where: { $0.hasPrefix("method return ") }),
      let sender = lines[first].split(separator: " ").first(where: { $0.hasPrefix("sender=") })
    else { return nil }
    self.sender = String(sender.dropFirst("sender=".count))
    var values: [Value] = []
    for line in lines[(first + 1)...] {
      let parts = line.drop { $0 == " " }.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      switch (parts[0], parts[1]) {
      case ("boolean", "true"): values.append(.boolean(true))
      case ("boolean", "false"): values.append(.boolean(false))
      case ("string", let quoted) where quoted.count > 1 && quoted.first == "\"" && quoted.last == "\"":
        values.append(.string(String(quoted.dropFirst().dropLast())))
      case ("uint32", let digits):
        guard let number = UInt32(digits) else { return nil }
        values.append(.number(number))
      default: return nil
      }
    }
    self.values = values
  }
}
