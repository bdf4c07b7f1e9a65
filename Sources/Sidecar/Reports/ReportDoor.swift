internal import Foundation
internal import Glibc
internal import Logging
internal import NodeHost

/// `POST /v1/health-reports` on the health endpoint, for other equipment, with a token.
struct ReportDoor: Sendable {
  /// A token that can be guessed is none.
  static let shortestToken = 16

  let tokenFile: String
  let service: any ControlService
  let log: Logger

  func answer(_ question: HTTPQuestion) async -> HTTPAnswer {
    guard question.method == "POST" else {
      let error = ControlError(.badRequest, "\(question.path) takes POST")
      return HTTPAnswer(code: 405, body: HTTPAnswer(code: 405, json: error).body, allowedMethods: ["POST"])
    }
    let token: [UInt8]
    do {
      let path = tokenFile
      token = try await OwnThread.run("lf-token") { try Self.readToken(path) }
    } catch {
      log.error("no report can be taken", metadata: ["error": "\(error)"])
      return HTTPAnswer(
        code: 503, json: ControlError(.failed, "this node takes no reports; its log says why"))
    }
    guard Self.isAuthorized(question.authorization, token) else {
      return HTTPAnswer(
        code: 401, json: ControlError(.badRequest, "the header Authorization must be: Bearer and the token"))
    }
    do throws(ControlError) {
      var request: ReportRequest = try ControlEndpoint.body(of: question, "health report")
      request.source = request.source ?? "http"
      return HTTPAnswer(code: 200, json: try await service.report(request, actor: "bearer token"))
    } catch {
      return HTTPAnswer(code: error.code.httpStatus, json: error)
    }
  }

  /// The first line of a file that nobody but its owner can read or write.
  static func readToken(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw PlanError("health.report_token_file: \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw PlanError("health.report_token_file: \(path) is no regular file")
    }
    guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() || status.st_uid == 0 else {
      throw PlanError(
        "health.report_token_file: \(path) can be read or written by others: chown root, chmod 600")
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    let line = buffer.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard line.count >= shortestToken else {
      throw PlanError(
        "health.report_token_file: the first line of \(path) is shorter than \(shortestToken) bytes")
    }
    return Array(line)
  }

  /// Takes as long for a wrong token as for the right one.
  static func isAuthorized(_ header: String?, _ token: [UInt8]) -> Bool {
    let given = Array((header ?? "").utf8)
    let expected = Array("Bearer ".utf8) + token
    var difference = UInt8(given.count == expected.count ? 0 : 1)
    for (index, byte) in expected.enumerated() {
      difference |= byte ^ (index < given.count ? given[index] : 0)
    }
    return difference == 0
  }
}
