import Testing

@testable import Cluster

#if PLANTED_BUGS
  /// Steps are counted, not seconds: what a look costs may grow with the services and with the nodes, not with the one
  /// times the other, and with services not twice over.
  @Suite("What one decision round costs (C1, T1)")
  struct DecisionWorkTests {
    /// One of `nodes`, each of which is a candidate of every one of `services`; `a0` owns all.
    private struct Crowd {
      var instance: NodeInstance
      var owners: [ServiceName: [UInt8]] = [:]
      let peers: [NodeName]
      var now = BootInstant(sinceBoot: .seconds(100))
      var beats = 0
      var drains: [NodeName: [UInt8]] = [:]

      init(nodes: Int, services: Int, as name: NodeName, otherCandidates: Bool = true) {
        let names = (0..<nodes).compactMap { NodeName("a\($0)") }
        peers = names.filter { $0 != name }
        let definitions = (0..<services).compactMap { index in
          ServiceName("s\(index)").map {
            ServiceDefinition(
              name: $0, home: names[0], candidates: otherCandidates ? names : [names[0]], hasFence: true)
          }
        }
        instance = NodeInstance(
          settings: .init(
            node: name, instance: DaemonInstance(place: "here", run: "1"), boot: "boot",
            timings: BeatTimings(),
            staleness: .zero, services: definitions), now: now)
        _ = instance.onHealth(.healthy, now: now)
        for definition in definitions {
          owners[definition.name] =
            Ownership(node: names[0], epoch: 3, state: .online, boot: "boot").bytes
        }
        for _ in 0..<4 { round() }
        for definition in definitions where instance.standing(of: definition.name).isServedHere {
          _ = instance.onPlanEnded(
            definition.name, .done(Ownership(node: names[0], epoch: 3, state: .online, boot: "boot")),
            now: now)
        }
        round()
      }

      /// A tick and a look, with everybody's next beat.
      mutating func round() {
        now = now + .milliseconds(500)
        beats += 1
        for case .renew(let renewal) in instance.onTick(now: now) {
          _ = instance.onRenewal(.renewed, of: renewal, sentAt: now, now: now)
        }
        var seen: [NodeName: [UInt8]] = [:]
        for peer in peers {
          seen[peer] =
            Beat(
              instance: DaemonInstance(place: peer.text, run: "1"), counter: UInt64(beats),
              leaseMilliseconds: 4000
            ).bytes
        }
        _ = instance.onLook(NodeView(startedAt: now, beats: seen, owners: owners, drains: drains), now: now)
      }

      /// Steps of the next round.
      mutating func work() -> Int {
        let counted = CountedWork()
        CountedWork.$current.withValue(counted) { round() }
        return counted.count
      }
    }

    @Test func anOwnersRoundGrowsWithItsServicesAndNotWithTheirSquare() {
      var few = Crowd(nodes: 3, services: 20, as: "a0")
      var many = Crowd(nodes: 3, services: 200, as: "a0")
      #expect(many.instance.isServing("s199"))
      let (small, large) = (few.work(), many.work())
      #expect(small > 0 && large <= small * 11)
    }

    @Test func aDrainThatNobodyCanFollowDoesNotEither() {
      var few = Crowd(nodes: 3, services: 20, as: "a0", otherCandidates: false)
      var many = Crowd(nodes: 3, services: 200, as: "a0", otherCandidates: false)
      let mark = OperatorMark(actor: "root", because: "", since: "").bytes
      few.drains["a0"] = mark
      many.drains["a0"] = mark
      let (small, large) = (few.work(), many.work())
      #expect(small > 0 && large <= small * 11)
    }

    @Test func aCandidatesRoundDoesNotGrowWithTheNodesWhileTheOwnerBeats() {
      var few = Crowd(nodes: 3, services: 100, as: "a1")
      var many = Crowd(nodes: 60, services: 100, as: "a1")
      #expect(few.work() == many.work())
    }
  }
#endif
