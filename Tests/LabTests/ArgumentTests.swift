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
    (
      ["--recovery", "restart-nfs", "--scenario", "untold"],
      "nothing to play with restart-nfs in untold"
    ),
    (["--recovery", "restart-all"], "restart-all"),
    (["--recovery", "ganesha", "--scenario", "crash"], "nothing to play with ganesha in crash"),
    (
      ["--recovery", "restart-lockd", "--scenario", "two-services"],
      "nothing to play with restart-lockd in two-services"
    ),
  ])
  func wrongArgumentsAreRefused(arguments: [String], words: String) {
    for arguments in [arguments, arguments + ["--where-possible"]] {
      let error = #expect(throws: (any Error).self) { _ = try Lab.parse(arguments) }
      #expect(error.map { Lab.message(for: $0) }?.contains(words) == true)
      #expect(error.map { Lab.exitCode(for: $0).rawValue } == EX_USAGE)
    }
  }

  /// M7: which kernels must refuse what.
  @Test func whatAKernelCanNotRestartAloneMustBeRefusedThere() {
    let old = KernelPackage(label: "6.1", release: "6.1.0-28-amd64", root: "/")
    let new = KernelPackage(label: "6.12", release: "6.12.107+deb13-amd64", root: "/")
    #expect(!old.isAtLeast(6, 6) && new.isAtLeast(6, 6) && new.isAtLeast(6, 12) && !new.isAtLeast(7, 0))
    for (recovery, kernel, isRefused) in [
      (.nfs, old, false), (.nfs, new, false), (.lockManager, old, false), (.lockManager, new, true),
    ] as [(Setting.Recovery, KernelPackage, Bool)] {
      let scenario = Scenario.crash.recovering(by: recovery, on: kernel)
      #expect(scenario.name == "crash-\(recovery.rawValue)" && scenario.setting.recovery == recovery)
      #expect((scenario.expectedToFail != nil) == isRefused)
    }
    #expect(Scenario.crash.recovering(by: .restart, on: new).name == "crash")
    #expect(Scenario.underSystemd.recovering(by: .nfs, on: old).setting.isUnderSystemd)
    #expect(Scenario.underSystemd.setting.recovery == .isolated)
    #expect(
      Scenario.underSystemd.recoveries.contains(.nfs)
        && Scenario.underSystemd.recoveries.contains(.lockManager))
  }

  @Test func aScenarioWithServicesOfItsOwnKeepsThemInEveryRecovery() {
    let kernel = KernelPackage(label: "6.1", release: "6.1.0-28-amd64", root: "/")
    #expect(Scenario.twoServices.setting.services.map(\.name) == ["home", "work"])
    let restarting = Scenario.twoServices.recovering(by: .nfs, on: kernel)
    #expect(restarting.name == "two-services-restart-nfs" && restarting.setting.services.count == 2)
    #expect(Scenario.crashByIPv6.setting.services.map(\.isIPv6) == [true])
    for unfenced in [Scenario.hangUnfenced, .pauseUnfenced] {
      #expect(unfenced.recovering(by: .isolated, on: kernel).setting.sharesDisk)
    }
  }

  @Test func servicesAreToldApartByAddressDiskAndFileSystem() {
    #expect(Service.home.line(0) == "home nfs.lab.test 10.88.0.10/24 /dev/vdb 77")
    #expect(Service.work.line(1) == "work work.lab.test 10.88.0.20/24 /dev/vdc 79")
    #expect(Service.homeByIPv6.line(0) == "home nfs.lab.test fd00:88::10/64 /dev/vdb 77")
  }

  @Test func everyScenarioHasANameOfItsOwnAndCanBeChosen() throws {
    let names = Scenario.all.map(\.name)
    #expect(Set(names).count == names.count)
    for name in names { _ = try Lab.parse(["--scenario", name, "--kernel", "6.12"]) }
    #expect(
      Scenario.all.filter(\.isCompared).map(\.name)
        == ["crash", "migrate", "nfsd-restarts", "own-clients", "pinned-lockd", "graceful-stop"])
  }
}
