import StatusMonitor
import Testing

/// M3, M5: only names that stay inside the status directory.
@Suite struct ClientNameTests {
  @Test(
    "M3 statd's canonical names are accepted as they are",
    arguments: [
      "10.0.0.11", "client1.lab", "fe80::1", "fe80::5054:ff:fe12:3456%eth0", "2001:db8::11", "CLIENT_1", "a",
      "new", "client.new.lab", "client.newer", "~", "-rf", "$(reboot)", "a..b",
      String(repeating: "n", count: 255),
    ])
  func accepted(text: String) throws {
    let name = try ClientName(text)
    #expect(name.text == text)
    #expect(name.description == text)
    #expect(try ClientName(Array(text.utf8)) == name)
  }

  @Test(
    "M3 names that could leave the directory, hidden and temporary ones are refused with the reason",
    arguments: [
      ("", "empty"), (".", "'.'"), ("..", "'.'"), (".client.new", "'.'"), (".hidden", "'.'"),
      ("../passwd", "'/'"), ("sm/client", "'/'"), ("/etc/passwd", "'/'"), ("client.new", "'.new'"),
      ("10.0.0.11.new", "'.new'"), ("two words", "0x20"), ("tab\there", "0x09"), ("line\n", "0x0a"),
      ("nul\u{0}", "0x00"), ("umlaut-ü", "0xc3"), ("delete\u{7f}", "0x7f"),
      (String(repeating: "n", count: 256), "256"),
    ])
  func refused(text: String, clue: String) throws {
    let error = #expect(throws: ClientNameError.self) { _ = try ClientName(text) }
    #expect(error?.reason.contains(clue) == true, "\(String(describing: error))")
  }

  @Test("a refused name is shown in a form that can't harm a terminal")
  func printable() throws {
    let error = #expect(throws: ClientNameError.self) {
      _ = try ClientName([0x1b, UInt8(ascii: "["), 0x32, UInt8(ascii: "J"), 0xff, UInt8(ascii: "\\")])
    }
    #expect(error?.name == #"\x1b[2J\xff\\"#)
    #expect(error?.description.utf8.allSatisfy { (0x20...0x7e).contains($0) } == true)
  }

  @Test("an endless name is cut in the error")
  func endlessName() throws {
    let error = #expect(throws: ClientNameError.self) {
      _ = try ClientName(String(repeating: "\n", count: 100_000))
    }
    #expect((error?.name.utf8.count ?? .max) < 1_200)
    #expect(error?.name.hasSuffix("(99745 more bytes)") == true)
  }

  @Test("names sort by their bytes")
  func order() throws {
    let names = try ["b", "a", "B", "10.0.0.2", "10.0.0.11"].map { try ClientName($0) }
    #expect(names.sorted().map(\.text) == ["10.0.0.11", "10.0.0.2", "B", "a", "b"])
  }
}
