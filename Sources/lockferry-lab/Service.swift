/// A service whose home is a, on a file system of its own.
struct Service: Sendable {
  let name: String
  /// By which clients mount it.
  let hostName: String
  /// IPv4 or IPv6.
  let address: String
  /// `fsid=` of its export, the same on both servers.
  let fileSystemID: Int

  /// Every scenario has it.
  static let home = Service(
    name: "home", hostName: "nfs.lab.test", address: "10.88.0.10", fileSystemID: 77)
  /// The same by IPv6 alone.
  static let homeByIPv6 = Service(
    name: "home", hostName: "nfs.lab.test", address: "fd00:88::10", fileSystemID: 77)
  static let work = Service(
    name: "work", hostName: "work.lab.test", address: "10.88.0.20", fileSystemID: 79)

  /// Where the servers mount its disk.
  var folder: String { "/srv/\(name)" }

  /// Where clients mount it.
  var mount: String { "/mnt/\(name)" }

  /// By which lockferry tells clients of it: whichever of them a client has mounted it by (docs/commands.md).
  var names: Set<String> { [hostName, String(hostName.prefix { $0 != "." }), address] }

  var isIPv6: Bool { address.contains(":") }

  /// A line of `lab_services`, as `lab/guest/common.sh` reads it. `number` counts services from 0.
  func line(_ number: Int) -> String {
    let disk = ["/dev/vdb", "/dev/vdc"][number]
    return "\(name) \(hostName) \(address)/\(isIPv6 ? 64 : 24) \(disk) \(fileSystemID)"
  }
}
