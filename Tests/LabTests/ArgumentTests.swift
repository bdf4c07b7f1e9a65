import ArgumentParser
import Foundation
import Testing

@testable import lockferry_lab

/// What is refused before anything is fetched or started, with a status that `--where-possible` can't turn into 0.
@Suite("Kernel lab: arguments") struct ArgumentTests {
  @Test(arguments: [
    (["--scenario", "nosuch"], "no scenario nosuch"),
    (["--scenario", "crash", "--scenario", "crush"], "no scenario crush"),
    (["--kernel", "9.9"], "no kernel 9.9: say 6.1 or 6.12"),
    (["--kernel-deb", "/nosuch/linux-image.deb"], "no file /nosuch/linux-image.deb"),
    (["--kernel-deb", "/etc/hostname", "--kernel", "6.1"], "either --kernel or --kernel-deb"),
    (["--compare-only", "--scenario", "hang"], "nothing to compare in hang"),
  ])
  func wrongArgumentsAreRefused(arguments: [String], words: String) {
    for arguments in [arguments, arguments + ["--where-possible"]] {
      let error = #expect(throws: (any Error).self) { _ = try Lab.parse(arguments) }
      #expect(error.map { Lab.message(for: $0) }?.contains(words) == true)
      #expect(error.map { Lab.exitCode(for: $0).rawValue } == EX_USAGE)
    }
  }

  @Test func everyScenarioHasANameOfItsOwnAndCanBeChosen() throws {
    let names = Scenario.all.map(\.name)
    #expect(Set(names).count == names.count)
    for name in names { _ = try Lab.parse(["--scenario", name, "--kernel", "6.12"]) }
    #expect(
      Scenario.all.filter(\.isCompared).map(\.name)
        == ["crash", "migrate", "own-clients", "pinned-lockd", "graceful-stop"])
  }
}
