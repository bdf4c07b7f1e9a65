import Testing

@testable import Cluster

@Suite("What a node reports of itself for as long as it is so (C2, C6, M10)")
struct StandingReportTests {
  private static func report(isLeftOver: Bool = false) -> StandingReport {
    StandingReport(lasts: .seconds(60), isLeftOver: isLeftOver)
  }

  @Test func itIsWrittenOnceAndAgainBeforeItEnds() {
    var report = Self.report()
    #expect(report.action("statd: dead", now: at(.seconds(10))) == .write("statd: dead"))
    // Not in the store yet: tried again.
    #expect(report.action("statd: dead", now: at(.seconds(11))) == .write("statd: dead"))
    let isNews = report.onDone(.write("statd: dead"), now: at(.seconds(12)))
    #expect(isNews)
    #expect(report.action("statd: dead", now: at(.seconds(42))) == nil)
    #expect(report.action("statd: dead", now: at(.milliseconds(42_001))) == .write("statd: dead"))
    let isAgain = report.onDone(.write("statd: dead"), now: at(.seconds(43)))
    #expect(!isAgain)
  }

  @Test func anotherReasonIsWrittenAtOnce() {
    var report = Self.report()
    _ = report.onDone(.write("statd: dead"), now: at(.seconds(12)))
    #expect(report.action("nfsd: dead", now: at(.seconds(13))) == .write("nfsd: dead"))
    let isNews = report.onDone(.write("nfsd: dead"), now: at(.seconds(13)))
    #expect(isNews)
  }

  @Test func itIsTakenAwayWhenItIsOver() {
    var report = Self.report()
    #expect(report.action(nil, now: at(.seconds(1))) == nil)
    _ = report.onDone(.write("load"), now: at(.seconds(12)))
    #expect(report.action(nil, now: at(.seconds(13))) == .remove)
    let isNews = report.onDone(.remove, now: at(.seconds(13)))
    #expect(isNews)
    #expect(report.action(nil, now: at(.seconds(14))) == nil)
    #expect(report.action("load", now: at(.seconds(15))) == .write("load"))
  }

  @Test func whatAnEarlierDaemonLeftIsTakenAwayInSilence() {
    var report = Self.report(isLeftOver: true)
    #expect(report.action(nil, now: at(.seconds(1))) == .remove)
    let isNews = report.onDone(.remove, now: at(.seconds(1)))
    #expect(!isNews)
    #expect(report.action(nil, now: at(.seconds(2))) == nil)
  }
}
