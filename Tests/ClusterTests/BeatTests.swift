import Cluster
import Testing

@Suite("A beat (M8)")
struct BeatTests {
  private let instance = DaemonInstance(place: "boot-1 8:2:77", run: "r1")

  @Test(arguments: [nil, 0, 30_000])
  func readsBack(stopped: Int?) {
    let beat = Beat(instance: instance, counter: 3, leaseMilliseconds: 4000, stoppedForMilliseconds: stopped)
    #expect(Beat(bytes: beat.bytes) == beat)
  }

  @Test func theBytesAreTheSameForever() {
    let beat = Beat(instance: instance, counter: 3, leaseMilliseconds: 4000, stoppedForMilliseconds: 5)
    #expect(
      beat.bytes == bytes("place: boot-1 8:2:77\nrun: r1\ncounter: 3\nlease_ms: 4000\nstopped_for_ms: 5\n"))
  }

  @Test func twoBeatsInARowDiffer() {
    let first = Beat(instance: instance, counter: 3, leaseMilliseconds: 4000)
    var second = first
    second.counter += 1
    #expect(first.bytes != second.bytes)
  }

  @Test(
    "Damaged or hostile bytes are no beat",
    arguments: [
      "", "place: p\nrun: r\ncounter: 1\n", "place: p\nrun: r\ncounter: -1\nlease_ms: 4000\n",
      "place: p\nrun: r\ncounter: 1\nlease_ms: 0\n", "place: p\nrun: r\ncounter: 1\nlease_ms: -4000\n",
      "place: p\nrun: r\ncounter: 1\nlease_ms: 86400001\n",
      "place: p\nrun: r\ncounter: 1\nlease_ms: 9223372036854775808\n",
      "place: p\nrun: r\ncounter: 99999999999999999999\nlease_ms: 4000\n",
      "run: r\ncounter: 1\nlease_ms: 4000\n",
    ])
  func damaged(text: String) {
    #expect(Beat(bytes: bytes(text)) == nil)
  }

  @Test(
    "How long a stopped daemon may take is bounded, whatever the beat says",
    arguments: [(-5, 0), (0, 0), (86_400_001, 86_400_000), (Int.max, 86_400_000)])
  func stoppedIsBounded(said: Int, taken: Int) {
    let text = "place: p\nrun: r\ncounter: 1\nlease_ms: 4000\nstopped_for_ms: \(said)\n"
    #expect(Beat(bytes: bytes(text))?.stoppedForMilliseconds == taken)
  }

  @Test func theLargestCounterReads() {
    let text = "place: p\nrun: r\ncounter: \(UInt64.max)\nlease_ms: 4000\n"
    #expect(Beat(bytes: bytes(text))?.counter == .max)
  }
}
