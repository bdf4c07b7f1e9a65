import Foundation
import Testing

@testable import Sidecar
@testable import lockferry

@Suite("Tables for people")
struct RenderingTests {
  @Test func statusOfANodeThatIsWell() {
    #expect(
      StatusTable.render(.well, coloured: false) == """
        NODE  STATE           UP  SERVES                     HEALTH            STORE
        a     running  2 h 3 min  online: 1 home, 0 adopted  healthy, beating  directory:/srv/lockferry, reachable

        PROBE                    ANSWER  FAILURES  TOOK
        nfs v3 tcp on 127.0.0.1  ok             0  3 ms

        PEER  BEAT     MISSED   LAST BEAT  CONFIGURED
        b     alive         0  312 ms ago  alike
        c     unknown       0       never  alike

        SERVICE  STATE   OWNER  EPOCH  HOME  CANDIDATE  RECORDS  MIRRORED   LAG  DELETIONS
        home     online  a          3  a     owner           12        12  0 ms  on
        work     online  b          1  b     yes              -         -     -  -

        """)
  }

  @Test func statusOfANodeInTroubleSaysEverything() {
    var status = NodeStatus.well
    status.state = "stopping"
    status.uptimeSeconds = 59
    status.health.healthy = false
    status.health.beating = false
    status.health.reasons = ["nfs v3 tcp on 127.0.0.1: no answer within 1s"]
    status.health.probes = []
    status.store.reachable = false
    status.store.problem = "Input/output error"
    status.peers = [
      .init(
        node: "b", beat: "dead", missedBeats: 9, lastBeatMilliseconds: 4_512,
        disagreements: ["home: a here, b there"])
    ]
    status.services.removeLast()
    status.services[0].state = "adopting"
    status.services[0].owner = "b"
    status.services[0].whyNotCandidate = ["unhealthy"]
    status.services[0].ineligible = [.init(node: "a", reasons: ["unhealthy", "no disk"])]
    status.services[0].stranded = "its owner b does not beat"
    status.services[0].plan = .init(
      kind: "adoption", step: "fence", done: 1, steps: 9, problem: "exit status 3")
    status.services[0].mirror?.recordsMirrored = 11
    status.services[0].mirror?.lagMilliseconds = 1234
    status.services[0].mirror?.frozen = true
    status.services[0].mirror?.frozenBecause = ["9 departures within 10s"]
    status.services[0].mirror?.refused = [.init(name: "..\u{1b}[2J", reason: "hidden")]
    status.services[0].mirror?.retained = 2
    status.services[0].mirror?.departing = 3
    status.services[0].mirror?.problem = "no space left"
    status.warnings = ["sm is root's"]
    status.mode = "failover"
    status.homeServices = 0
    status.adoptedServices = 1
    status.paused = .init(actor: "root", because: "", since: "2026-01-01T00:00:00Z")
    status.peers[0].drained = .init(actor: "root", because: "disks", since: "2026-01-02T00:00:00Z")
    status.services[0].requests = [
      .init(
        id: "1-2", action: "migrate", to: "c", actor: "root", because: "", askedAt: "2026-01-03T00:00:00Z")
    ]
    #expect(
      StatusTable.render(status, coloured: false) == """
        PAUSED by root since 2026-01-01T00:00:00Z: nothing is adopted before `lockferry resume`

        NODE  STATE         UP  SERVES                       HEALTH                  STORE
        a     stopping  59.0 s  failover: 0 home, 1 adopted  unhealthy, not beating  directory:/srv/lockferry, not reachable

        PEER  BEAT  MISSED  LAST BEAT  CONFIGURED
        b     dead       9  4.5 s ago  differently

        SERVICE  STATE     OWNER  EPOCH  HOME  CANDIDATE  RECORDS  MIRRORED      LAG  DELETIONS
        home     adopting  b          3  a     no              12        11  1234 ms  frozen

        health: nfs v3 tcp on 127.0.0.1: no answer within 1s
        node b is drained by root since 2026-01-02T00:00:00Z: disks
        store: Input/output error
        node b differs: home: a here, b there
        service home: migrate to c, asked by root at 2026-01-03T00:00:00Z (1-2)
        service home: adoption, step 2 of 9: fence
        service home: fence is tried again: exit status 3
        service home: STRANDED: its owner b does not beat
        service home: a can't take it: unhealthy; no disk
        service home: mirror: no space left
        service home: deletions frozen: 9 departures within 10s
        service home: file ..\\u{1b}[2J is not taken: hidden
        service home: 2 records are kept that the directory lost
        service home: 3 departures wait for their delay
        warning: sm is root's

        """)
  }

  @Test func recordsAndTheirProblems() {
    let records = [
      RecordStatus(
        service: "home", client: "client.example.com", monNames: ["client.example.com", "10.0.0.9"],
        myNames: ["nfs server"], bytes: 190, state: "mirrored", problems: [],
        lastRestart: ClientRestart(state: 7, at: "2026-11-21T10:00:00Z", source: "10.0.0.9", node: "a")),
      RecordStatus(
        service: "home", client: "10.0.0.7", monNames: [], myNames: [], bytes: 3, state: "pending",
        problems: ["no line can be read"]),
    ]
    #expect(
      RecordsTable.render(records, coloured: false) == """
        SERVICE  CLIENT              STATE     BYTES  MON NAME                      MY NAME     RESTARTED                      PROBLEMS
        home     client.example.com  mirrored    190  client.example.com, 10.0.0.9  nfs server  2026-11-21T10:00:00Z, state 7  -
        home     10.0.0.7            pending       3  -                             -           -                              no line can be read

        """)
    #expect(RecordsTable.render([], coloured: false) == "no records\n")
  }

  @Test func historyWithWhoWasNotTold() {
    var entry = HistoryEntry.adoption
    entry.clients = nil
    #expect(
      HistoryTable.render([entry], coloured: false) == """
        SERVICE  NO  STARTED                   WHAT      FROM  TO  EPOCH   TOOK  TOLD  BACK  OUTCOME  BECAUSE
        home      2  2026-01-02T03:04:05.678Z  adoption  a     b       4  2.3 s   1/2     -  done     missed beats of a
        service home, no 2: client two was not told: no answer

        """)
    #expect(HistoryTable.render([], coloured: false) == "nothing has happened yet\n")
  }

  /// B6
  @Test func anEntryOfTheHistoryWithEveryClient() {
    #expect(
      HistoryEntryTable.render(.adoption, coloured: false) == """
        service home, no 2: adoption, done, missed beats of a
        epoch 4, from a to b, began 2026-01-02T03:04:05.678Z, took 2.3 s
        clients were told 7

        CLIENT  ADDRESS    TOLD  AFTER  TRIES  FIRST ANSWER  NAMES                 PROBLEM
        one     10.0.0.11  yes    5 ms      2          3 ms  nfs.example.com, nfs  -
        two     -          no        -      -             -  -                     no answer

        """)
    var damaged = HistoryEntry.adoption
    damaged.clients = []
    #expect(
      HistoryEntryTable.render(damaged, coloured: false).hasSuffix(
        "and 2 more, whose part of the store can't be read\n"))
  }

  /// B6
  @Test func whatBecameOfEachClientsLocks() {
    var entry = HistoryEntry.adoption
    entry.recovery = HistoryEntry.Recovery(
      state: "closed", startedAt: "2026-01-02T03:04:05.700Z", endedAt: "2026-01-02T03:04:55.700Z",
      ended: "the grace period is over", registered: 1, lost: 1, locksHeld: 4, locksBack: 3)
    entry.clients?[0].outcome = "registered"
    entry.clients?[0].registeredMilliseconds = 12
    entry.clients?[0].mirroredAt = "2026-01-01T10:00:00Z"
    entry.clients?[1].outcome = "lost"
    entry.clients?[1].why = "not told"
    let locks =
      "1 of 2 clients registered again, 1 lost what they held, 3 of 4 locks back (the grace period is over)"
    #expect(
      HistoryEntryTable.render(entry, coloured: false) == """
        service home, no 2: adoption, done, missed beats of a
        epoch 4, from a to b, began 2026-01-02T03:04:05.678Z, took 2.3 s
        clients were told 7
        locks: \(locks)

        CLIENT  ADDRESS    TOLD  AFTER  TRIES  FIRST ANSWER  NAMES                 PROBLEM    MIRRORED              LOCKS       BACK AFTER  WHY
        one     10.0.0.11  yes    5 ms      2          3 ms  nfs.example.com, nfs  -          2026-01-01T10:00:00Z  registered       12 ms  -
        two     -          no        -      -             -  -                     no answer  -                     lost                 -  not told

        """)
    #expect(
      HistoryTable.render([entry], coloured: false).contains(
        "   1/2   1/2  done     missed beats of a\nservice home, no 2: \(locks)\n"))

    entry.recovery?.state = "open"
    entry.recovery?.endsBy = "2026-01-02T03:04:55.700Z"
    entry.recovery?.lost = 0
    entry.recovery?.pending = 1
    var status = RequestStatus(id: "1-2", service: "home", action: "migrate", state: "done", steps: [])
    (status.recovery, status.recoveryEntry) = (entry.recovery, 2)
    #expect(
      RequestTable.render(status, coloured: false) == """
        migration 1-2 of service home: done
        locks: so far 1 of 2 clients registered again, 3 of 4 locks back; the rest by 2026-01-02T03:04:55.700Z
        `lockferry history show 2 --service home --wait` tells the end of it

        """)
  }

  /// B6: scripts go by these.
  @Test func theExitStatusSaysWhetherAnybodyHasLostAnything() throws {
    func status(_ recovery: HistoryEntry.Recovery) -> Int32 {
      do {
        try recovery.judge(service: "home", entry: 2)
        return 0
      } catch let failure as CommandFailure {
        return failure.status.rawValue
      } catch {
        return 1
      }
    }
    let well = HistoryEntry.Recovery(state: "closed", startedAt: "", registered: 3, safe: 1)
    #expect(status(well) == 0)
    var recovery = well
    recovery.possiblyLost = 1
    #expect(status(recovery) == 115)
    recovery = well
    recovery.lost = 1
    #expect(status(recovery) == 115)
    recovery = well
    (recovery.locksHeld, recovery.locksBack) = (3, 2)
    #expect(status(recovery) == 115)
    recovery.state = "open"
    #expect(status(recovery) == 112)
    recovery = well
    (recovery.state, recovery.pending) = ("abandoned", 2)
    #expect(status(recovery) == 112)
  }

  @Test func aPlannedMigration() {
    let status = RequestStatus(
      id: "", service: "home", action: "migrate", state: "planned",
      steps: [
        .init(node: "a", step: "release", detail: "give epoch 3 up", state: "planned", milliseconds: nil),
        .init(node: "b", step: "claim", detail: "take epoch 4", state: "planned", milliseconds: 12),
      ])
    #expect(
      RequestTable.render(status, coloured: false) == """
        migration of service home: planned

        NO  NODE  STEP     STATE     TOOK  WHAT
         1  a     release  planned      -  give epoch 3 up
         2  b     claim    planned  12 ms  take epoch 4

        """)
  }

  @Test func colourChangesNothingButTheColour() {
    let coloured = StatusTable.render(.well, coloured: true)
    #expect(coloured.contains("\u{1b}[32mrunning\u{1b}[0m"))
    #expect(coloured.replacing(/\u{1b}\[\d+m/, with: "") == StatusTable.render(.well, coloured: false))
  }

  @Test func namesCannotMoveTheCursorOrTurnTextAround() {
    #expect(Terminal.printable("a\u{1b}[2Jb\nc\u{202e}d\u{7f}é漢") == "a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{7f}é漢")
  }

  @Test(arguments: [
    (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_999, "59.9 s"), (60_000, "1 min 0 s"),
    (3_599_000, "59 min 59 s"), (3_600_000, "1 h 0 min"), (86_400_000, "1 d 0 h"), (183_600_000, "2 d 3 h"),
  ])
  func elapsed(milliseconds: Int, text: String) { #expect(Elapsed.text(milliseconds: milliseconds) == text) }

  @Test func jsonAndYAMLHaveTheKeysOfTheControlSocket() throws {
    let records = [
      RecordStatus(
        service: "home", client: "c", monNames: ["c"], myNames: [], bytes: 3, state: "mirrored", problems: [])
    ]
    #expect(
      try OutputFormat.yaml.render(records) { _ in "" } == """
        - bytes: 3
          client: c
          monNames:
          - c
          myNames: []
          problems: []
          service: home
          state: mirrored

        """)
    let json = try OutputFormat.json.render(NodeStatus.well) { _ in "" }
    #expect(try JSONDecoder().decode(NodeStatus.self, from: Data(json.utf8)) == .well)
    #expect(try OutputFormat.table.render(records) { "\($0.count)" } == "1")
  }

  @Test func everyRefusalHasItsExitStatus() {
    #expect(
      ExitStatus.allCases.map(\.rawValue) == [
        0, 1, 64, 65, 69, 77, 78, 105, 106, 107, 108, 112, 113, 115, 124,
      ])
    for code in [
      ControlError.Code.failed, .badRequest, .storeUnavailable, .noSuchObject, .unsafe, .exists,
      .indeterminate,
      .preconditionFailed,
    ] { #expect(Int(ExitStatus(code).rawValue) == code.rawValue) }
  }
}
