import Testing

@testable import lockferry_lab

/// The lab's verdicts can fail: what they are made of, from kernels' own words.
@Suite("Kernel lab: verdicts") struct VerdictTests {
  private static let whole = Locks.Lock(
    name: "whole", file: "whole.dat", isExclusive: true, start: 0, length: 0)
  private static let range = Locks.Lock(
    name: "range", file: "ranges.dat", isExclusive: false, start: 100, length: 50)

  /// As Linux 6.1 prints it.
  private static let kernel = """
    inode 254:16:12 /srv/home/whole.dat
    inode 254:16:13 /srv/home/ranges.dat
    grace-is-over N
    1: POSIX  ADVISORY  WRITE 402 fe:10:12 0 EOF
    2: POSIX  ADVISORY  READ  402 fe:10:13 100 149
    """

  @Test func locksThatTheKernelShowsAreCounted() {
    #expect(Locks.count([Self.whole, Self.range], in: Self.kernel) == 2)
    #expect(!Locks.graceIsOver(in: Self.kernel))
    #expect(Locks.graceIsOver(in: "grace-is-over Y"))
  }

  @Test(arguments: [
    ("WRITE 402 fe:10:12 0 EOF", "READ  402 fe:10:12 0 EOF"),
    ("fe:10:12 0 EOF", "fe:10:14 0 EOF"),
    ("fe:10:12 0 EOF", "fe:10:12 0 99"),
    ("fe:10:12 0 EOF", "fe:10:12 1 EOF"),
    ("1: POSIX", "1: -> POSIX"),
    ("1: POSIX ", "1: FLOCK "),
    ("1: POSIX ", "1: OFDLCK "),
    ("254:16:12 ", "254:16:15 "),
    ("254:16:12 ", "254:32:12 "),
    ("fe:10:12 0 EOF", "fe:01:12 0 EOF"),
  ])
  func aLockOfAnotherKindFileOrRangeIsNotCounted(what: String, instead: String) {
    let text = Self.kernel.replacing(what, with: instead)
    #expect(text != Self.kernel)
    #expect(Locks.count([Self.whole], in: text) == 0)
  }

  /// M7 B9
  @Test func whereGaneshaServesItsOwnLocksAreCountedAndNoOthers() {
    #expect(
      Setting.Recovery.ganesha.lockKind == .openFileDescription && Setting.Recovery.nfs.lockKind == .posix)
    let kernel = Self.kernel.replacing("1: POSIX  ADVISORY  WRITE 402", with: "1: OFDLCK ADVISORY  WRITE -1")
    #expect(Locks.count([Self.whole, Self.range], of: .openFileDescription, in: kernel) == 1)
    #expect(Locks.count([Self.whole], of: .openFileDescription, in: Self.kernel) == 0)
  }

  @Test func everyHeldLockHasAConflictingQuestionAndAllKindsAreThere() {
    for lock in Locks.held {
      #expect(
        Locks.conflicting.contains {
          $0.file == lock.file && ($0.isExclusive || lock.isExclusive) && overlaps($0, lock)
        }, "nobody asks for \(lock.name)")
    }
    for free in Locks.free {
      #expect(
        !Locks.held.contains {
          $0.file == free.file && ($0.isExclusive || free.isExclusive) && overlaps($0, free)
        }, "\(free.name) conflicts")
    }
    for isExclusive in [true, false] {
      for isWhole in [true, false] {
        #expect(Locks.held.contains { $0.isExclusive == isExclusive && ($0.length == 0) == isWhole })
      }
    }
  }

  private func overlaps(_ one: Locks.Lock, _ other: Locks.Lock) -> Bool {
    func end(_ lock: Locks.Lock) -> Int { lock.length == 0 ? .max : lock.start + lock.length }
    return one.start < end(other) && other.start < end(one)
  }

  // The verdict

  private static let good = Outcome(heldBefore: 5, heldAfter: 5)

  private static func row(_ change: (inout Outcome) -> Void = { _ in }) -> Row {
    var outcome = good
    change(&outcome)
    return Row(scenario: "crash", kernel: "6.1", outcome: outcome)
  }

  @Test func aScenarioWithoutLossPasses() {
    #expect(Self.row().isAsExpected)
    #expect(Self.row().verdict == "ok")
  }

  @Test func anyLossFailsIt() {
    let losses: [(inout Outcome) -> Void] = [
      { $0.heldAfter = 4 }, { $0.wronglyGranted = 1 }, { $0.problems = ["failed to reclaim"] },
      { ($0.heldBefore, $0.heldAfter) = (0, 0) },
    ]
    for loss in losses {
      let row = Self.row(loss)
      #expect(!row.isAsExpected)
      #expect(row.verdict == "FAILED")
      var marked = row
      marked.expectedToFail = "the work that mends it"
      #expect(marked.isAsExpected)
      #expect(marked.verdict == "lost, as expected until: the work that mends it")
    }
  }

  @Test func aServiceThatNobodyMayOpenIsRefused() {
    var row = Self.row {
      ($0.heldBefore, $0.heldAfter, $0.isRefusal) = (0, 0, true)
    }
    #expect(!row.isAsExpected)
    row.expectedToFail = "this kernel can't"
    #expect(row.isAsExpected)
    #expect(row.verdict == "refused, as must be: this kernel can't")
    row.outcome?.unexplained = ["the service has had an owner"]
    #expect(!row.isAsExpected)
  }

  @Test func anExpectedFailureThatPassesIsAnError() {
    var row = Self.row()
    row.expectedToFail = "the work that mends it"
    #expect(!row.isAsExpected)
    #expect(row.verdict.hasPrefix("PASSES"))
  }

  @Test func anExpectedFailureExcusesNothingElse() {
    var row = Self.row {
      $0.heldAfter = 4
      $0.unexplained = ["another lock, too"]
    }
    row.expectedToFail = "the work that mends it"
    #expect(!row.isAsExpected)
    #expect(row.verdict == "FAILED, in more than is expected")
    #expect(Row.table([row]).contains("another lock, too"))
    #expect(!Self.row { $0.unexplained = ["anything"] }.isAsExpected)
  }

  @Test func whatWasNotPlayedToItsEndFailsEvenWhereFailureIsExpected() {
    for (expected, isByHand, isControl) in [
      (nil, false, false), ("some work", false, false), (nil, true, false), (nil, false, true),
    ] as [(String?, Bool, Bool)] {
      var row = Row(scenario: "crash", kernel: "6.1")
      (row.expectedToFail, row.isByHand, row.isControl) = (expected, isByHand, isControl)
      #expect(!row.isAsExpected)
    }
  }

  @Test func whatThisMachineCanNotPlayIsSaidAndNoFailure() {
    let row = Row(scenario: "crash-under-systemd", kernel: "-", obstacle: "this machine has no systemd")
    #expect(row.isAsExpected)
    #expect(Row.table([row]).contains("NOT PLAYED"))
    #expect(Row.table([row]).contains("this machine has no systemd"))
  }

  @Test func theControlMustLoseAllAndGiveItAway() {
    for (after, granted, isAsExpected) in [(0, 3, true), (0, 0, false), (1, 3, false), (5, 0, false)] {
      var row = Self.row { ($0.heldAfter, $0.wronglyGranted) = (after, granted) }
      row.isControl = true
      #expect(row.isAsExpected == isAsExpected)
    }
  }

  @Test func theTableNamesEveryProblemAndRemark() {
    var failed = Row(scenario: "hang", kernel: "6.12")
    failed.failure = "b did not start"
    let table = Row.table([
      Self.row {
        $0.pause = 31_691
        $0.problems = ["a problem"]
        $0.remarks = ["a remark"]
      }, failed,
    ])
    for words in ["31.6 s", "a problem", "a remark", "FAILED, not played to its end", "b did not start"] {
      #expect(table.contains(words))
    }
  }
}
