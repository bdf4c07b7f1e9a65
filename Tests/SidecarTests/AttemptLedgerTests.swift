import Foundation
import NodeHost
import Testing

@testable import Sidecar
@testable import StatusMonitor

/// B2: what a daemon that goes on with an attempt knows of it.
@Suite struct AttemptLedgerTests {
  private func ledger(
    _ client: String, _ names: [String], told: Int? = nil, address: HostAddress? = nil
  ) throws -> NotificationLedger {
    NotificationLedger(
      client: try ClientName(client), address: address, isTold: told != nil, names: names, attempts: 3,
      firstAnswer: .milliseconds(7), told: told.map { .milliseconds($0) })
  }

  @Test(
    "B2 whoever has answered to everything is told, whoever has answered to something is known by which names"
  )
  func answers() async throws {
    try await withFolder { folder in
      let ledger = AttemptLedger(in: StatusDirectory(path: folder))
      let everybody = try ["c", "a", "d", "b"].map { try ClientName($0) }
      try ledger.begin(everybody)
      #expect(ledger.clients(left: Set(everybody)).map(\.told) == [false, false, false, false])
      let address = HostAddress(literal: "10.0.0.7".utf8)
      try ledger.append(
        [self.ledger("a", ["nfs"]), self.ledger("b", ["nfs"], address: address)], elapsed: .zero)
      try ledger.append([self.ledger("a", ["nfs", "n"], told: 9)], elapsed: .seconds(2))
      // "d" was unlinked by sm-notify, or by a daemon that could not write it down.
      let clients = ledger.clients(left: Set(try ["a", "b", "c"].map { try ClientName($0) }))
      #expect(clients.map(\.client) == ["a", "b", "c", "d"])
      #expect(clients.map(\.told) == [true, false, false, true])
      #expect(clients[0].names == ["nfs", "n"] && clients[0].toldMilliseconds == 2_009)
      #expect(clients[1].names == ["nfs"] && clients[1].address == "10.0.0.7" && clients[1].attempts == 3)
      #expect(clients[1].firstAnswerMilliseconds == 7 && clients[3].attempts == nil)
    }
  }

  @Test("B2 a line that a killed daemon did not finish spoils no other")
  func torn() async throws {
    try await withFolder { folder in
      let ledger = AttemptLedger(in: StatusDirectory(path: folder))
      let left = Set(try ["a", "b"].map { try ClientName($0) })
      try ledger.begin(left)
      try ledger.append([self.ledger("a", ["nfs", "other"])], elapsed: .zero)
      let whole = try Data(contentsOf: URL(filePath: folder + "/answers"))
      for length in 0..<whole.count {
        try whole.prefix(length).write(to: URL(filePath: folder + "/answers"))
        try ledger.append([self.ledger("b", ["nfs"], told: 4)], elapsed: .zero)
        let clients = ledger.clients(left: left)
        #expect(clients.map(\.told) == [false, true], "\(length)")
        // Of a torn line nothing is believed that was not in it.
        #expect(Set(clients[0].names ?? []).intersection(["nfs", "other"]).count <= 2)
      }
    }
  }

  @Test("B2 where nothing was written down whoever has no record is told")
  func nothing() async throws {
    try await withFolder { folder in
      let ledger = AttemptLedger(in: StatusDirectory(path: folder + "/none"))
      let client = try ClientName("a")
      #expect(ledger.clients(left: [client]).map(\.told) == [false])
      #expect(throws: (any Error).self) { try ledger.append([self.ledger("a", [])], elapsed: .zero) }
    }
  }
}
