/// The records of a middling site: one line each, as statd writes it for Linux's lockd.
enum Records {
  static let count = 10_000

  /// A client with a name of its own; `series` keeps sets apart.
  static func client(_ number: Int, series: String) -> (name: String, record: [UInt8]) {
    let digits = String(number)
    let name =
      "\(series)-\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits).lab.example.com"
    let line =
      "0100007f 000186b5 00000003 00000010 000102030405060708090a0b0c0d0e0f \(name) nfs.example.com\n"
    return (name, Array(line.utf8))
  }

  /// Fills a folder with all of them.
  static func fill(_ folder: String) throws {
    for number in 0..<count {
      let (name, record) = client(number, series: "client")
      try Disk.write(record, to: "\(folder)/\(name)")
    }
  }

  /// Compares every one with what lies in the store.
  static func check(_ folder: String) throws {
    for number in 0..<count {
      let (name, record) = client(number, series: "client")
      guard try Disk.contents("\(folder)/\(name)") == record else {
        throw Failure("\(folder)/\(name) is not what was mirrored")
      }
    }
  }
}
