import Testing

@testable import Cluster
@testable import ClusterSimulator

@Suite("Events as operators write them")
struct FaultTextTests {
  private var shape: ClusterShape {
    var shape = ClusterShape.plain
    shape.nodes = ["a", "b"].compactMap(NodeName.init)
    shape.addService("home", ["a", "b"])
    shape.addService("logs", ["b", "a"])
    shape.addClients(1)
    shape.watchdog = [.init(name: "statd", role: .statusMonitor), .init(name: "nfsd", role: .server)]
    shape.overload = .init(hold: .seconds(60), interval: .seconds(10), reportLasts: .seconds(60))
    return shape
  }

  @Test(arguments: Fault.Kind.allCases)
  func everyKindIsReadAsItsOwnExampleSays(kind: Fault.Kind) throws {
    let example = kind.example(in: shape)
    guard shape.allows(kind) else {
      #expect(throws: FaultTextError.self) { try Fault(parsing: example, in: shape) }
      return
    }
    let fault = try Fault(parsing: example, in: shape)
    #expect(fault.kind == kind)
    #expect(fault.at == 10_000_000)
    #expect(fault.length == (kind.form.hasLength ? 30_000_000 : Fault.unending))
  }

  @Test func aDaemonIsNamedBeforeItsNode() throws {
    let fault = try Fault(parsing: "daemon-stays-dead nfsd on b at 10s for 1m", in: shape)
    #expect(fault.kind == .daemonStaysDead && fault.daemon == "nfsd" && fault.node.text == "b")
    #expect(fault.description == "nfsd dies on b, and can't be started for 1m")
  }

  @Test(arguments: [
    ("daemon-dies statd on a at 1s", "`daemon-dies` needs a daemon under `watchdog` in the node file"),
    ("overload a at 1s", "`overload` needs `overload` in the node file"),
  ])
  func whatTheNodeFileHasNotIsSaid(text: String, message: String) {
    var shape = shape
    shape.watchdog = []
    shape.overload = nil
    let error = #expect(throws: FaultTextError.self) { try Fault(parsing: text, in: shape) }
    #expect(error?.message.contains(message) == true)
    #expect(error?.message.contains("events are power-cut, ") == true)
  }

  @Test func stepsAndTheirNumberSurvive() throws {
    for step in ["storage", "records", "state", "server", "address", "notify", "verify", "mirror"] {
      for times in 1...Fault.mostFailures {
        let fault = try Fault(parsing: "step-fails b \(step) \(times)x at 1s", in: shape)
        #expect(fault.failing.step.rawValue == step && fault.failing.times == times)
        #expect(fault.node.text == "b")
      }
    }
  }

  @Test(arguments: [
    ("powercut a at 10s", 0, "`powercut` is no event; events are power-cut, reset, "),
    ("power-cut at 10s", 16, "which node? nodes are a, b; write power-cut NODE at TIME [for TIME]"),
    ("power-cut c at 10s", 10, "there is no node `c`; nodes are a, b; "),
    ("power-cut a", 11, "when? Add `at 10s`; "),
    ("power-cut a at soon", 15, "`soon` is no time"),
    ("power-cut a at", 14, "a time is missing"),
    ("failback at 10s", 15, "which service? services are home, logs; "),
    ("migrate home at 10s", 19, "where to? nodes are a, b; write migrate SERVICE to NODE at TIME, such as "),
    ("store-stops a at 10s", 12, "`a` does not belong there; "),
    ("client-reboots a at 10s", 15, "there is no client `a`; clients are home-client1, logs-client1"),
    ("failback home at 10s for 5s", 21, "there is no service `for`"),
    ("beat-vanishes a at 10s", 0, "can't happen to such a store"),
    (
      "daemon-dies at 10s", 12,
      "no daemon `at` is watched; daemons are statd, nfsd; write daemon-dies DAEMON on NODE at"
    ),
    ("daemon-dies statd at 10s", 18, "on which node? nodes are a, b; "),
    ("daemon-dies statd on c at 10s", 21, "there is no node `c`"),
    ("daemon-stays-dead nfsd on at 10s", 32, "which node? nodes are a, b; "),
    ("step-fails b at 10s", 19, "which step? Steps are storage, "),
    ("", 0, "an event is missing; events are "),
  ])
  func whatIsWrongIsSaidWithWhatIsPossible(text: String, position: Int, message: String) throws {
    let error = #expect(throws: FaultTextError.self) { try Fault(parsing: text, in: shape) }
    #expect(error?.position == position)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("`") == true)
  }
}
