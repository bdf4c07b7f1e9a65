import StatusMonitor
import Testing

/// What a record says about its client.
@Suite struct NotificationClientTests {
  private func record(_ lines: String...) -> MonitorRecord {
    MonitorRecord(parsing: Array(lines.joined().utf8))
  }

  private func line(_ address: String, _ cookie: String, _ monName: String) -> String {
    "\(address) 000186b5 00000003 00000010 \(cookie)00a7a3dffcef1aff \(monName) primary\n"
  }

  @Test("recency is the first half of the cookie in the byte order of the machine that wrote it")
  func recency() {
    let little = line("0100007f", "b0444d6308000000", "10.0.0.11")
    let big = line("7f000001", "00000008634d44b0", "10.0.0.11")
    #expect(NotificationClient.recency(of: record(little)) == 0x0000_0008_634d_44b0)
    #expect(NotificationClient.recency(of: record(big)) == 0x0000_0008_634d_44b0)
  }

  @Test("the latest of several lines counts; a record without a time has recency 0")
  func recencies() {
    let early = line("0100007f", "0100000000000000", "10.0.0.11")
    let late = line("0100007f", "0200000000000000", "10.0.0.11")
    let ganesha = line("0100007f", "0000000000000000", "10.0.0.11")
    #expect(NotificationClient.recency(of: record(early, late)) == 2)
    #expect(NotificationClient.recency(of: record(late, early)) == 2)
    #expect(NotificationClient.recency(of: record(ganesha)) == 0)
    #expect(NotificationClient.recency(of: record("garbage\n")) == 0)
    #expect(NotificationClient.recency(of: record("")) == 0)
  }

  @Test("the file's name and every other mon_name, none twice, are where a client may be found")
  func candidates() throws {
    let cookie = "0000000000000000"
    let name = try ClientName("web.example.com")
    #expect(
      NotificationClient.candidates(
        name: name,
        record: record(
          line("0100007f", cookie, "10.0.0.11"), line("0100007f", cookie, "web.example.com"),
          line("0100007f", cookie, "10.0.0.11"), "garbage\n", line("0100007f", cookie, "10.0.0.12")))
        == ["web.example.com", "10.0.0.11", "10.0.0.12"])
    #expect(NotificationClient.candidates(name: name, record: record("")) == ["web.example.com"])
    // statd takes a line that ends before mon_name.
    #expect(
      NotificationClient.candidates(name: name, record: record(line("0100007f", cookie, "")))
        == ["web.example.com"])
  }
}
