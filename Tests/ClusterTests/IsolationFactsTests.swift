import Cluster
import Testing

/// M7, B3: a node says beforehand why a service with an NFS server of its own can't come to it.
@Suite("What a node needs for an isolated service (M7, B3)")
struct IsolationFactsTests {
  @Test(arguments: [true, nil])
  func nothingStandsAgainstIt(hasKernelServer: Bool?) {
    #expect(IsolationFacts(hasKernelServer: hasKernelServer).refusals.isEmpty)
  }

  @Test func eachReasonIsNamed() {
    let facts = IsolationFacts(
      hasKernelServer: false, programProblem: "there is no rpc.mountd on this machine",
      exportsProblem: "/etc/lockferry/home.exports: there is no such file", hasExportsFile: false,
      missingInterfaces: ["eth7"])
    let refusals = facts.refusals
    #expect(refusals.count == 5)
    #expect(refusals[0].contains("nfsd"))
    #expect(refusals[1].contains("rpc.mountd"))
    #expect(refusals[2].hasPrefix("/etc/lockferry/home.exports") && refusals[2].contains("restart-nfs"))
    #expect(refusals[3].contains("/etc/exports"))
    #expect(refusals[4].contains("eth7"))
  }
}
