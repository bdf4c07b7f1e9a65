import Testing

@testable import Sidecar

@Suite("The date of an answer")
struct HTTPDateTests {
  @Test func isWrittenAsRFC9110Shows() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }
}
