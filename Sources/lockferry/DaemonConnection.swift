import Foundation
import NIOCore
import NIOHTTP1
import Sidecar

/// Questions to the daemon; none takes longer than its limit.
struct DaemonConnection {
  /// The daemon answers at once unless it is asked for what is in the store.
  static let limit = Duration.seconds(30)

  /// The control socket.
  var path: String

  func get<Answer: Decodable>(_ uri: String, within limit: Duration = limit) async throws -> Answer {
    try decode(try await send(.GET, uri, body: nil, within: limit))
  }

  func post<Answer: Decodable>(
    _ uri: String, _ body: some Encodable, within limit: Duration = limit
  ) async throws -> Answer {
    try decode(try await send(.POST, uri, body: JSONEncoder().encode(body), within: limit))
  }

  func post(_ uri: String) async throws {
    _ = try await send(.POST, uri, body: nil, within: Self.limit)
  }

  /// `segment` for use in a path or in a query.
  static func escape(_ segment: String) -> String {
    let allowed = CharacterSet(
      charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")
    return segment.addingPercentEncoding(withAllowedCharacters: allowed) ?? segment
  }

  private func decode<Answer: Decodable>(_ body: Data) throws -> Answer {
    do {
      return try JSONDecoder().decode(Answer.self, from: body)
    } catch {
      throw CommandFailure(
        .failed,
        "the daemon's answer can't be read; are the daemon and this command of one version? (\(error))")
    }
  }

  private func send(
    _ method: HTTPMethod, _ uri: String, body: Data?, within limit: Duration
  ) async throws -> Data {
    try checkSocket()
    let request = SocketRequest(method: method, uri: uri, body: body.map { ByteBuffer(bytes: $0) })
    let answer: SocketRequest.Answer
    do {
      answer = try await request.send(to: path, within: limit)
    } catch SocketRequest.Failure.timedOut {
      throw CommandFailure(
        method == .GET ? .timedOut : .indeterminate,
        "no answer from the daemon on \(path) within \(limit)"
          + (method == .GET ? "" : "; it may or may not have done what was asked: see `lockferry status`"))
    } catch {
      throw CommandFailure(
        method == .GET ? .unavailable : .indeterminate,
        "the daemon on \(path) went away before it had answered: \(error)")
    }
    let content = Data(answer.body.readableBytesView)
    guard (200..<300).contains(answer.status) else {
      if let refusal = try? JSONDecoder().decode(ControlError.self, from: content) {
        throw CommandFailure(refusal)
      }
      throw CommandFailure(.failed, "the daemon answered HTTP status \(answer.status)")
    }
    return content
  }

  /// Says at once what is wrong where nobody can answer.
  private func checkSocket() throws {
    switch ControlSocket.probe(path: path) {
    case .listening: return
    case .absent:
      throw CommandFailure(.unavailable, "is the daemon running? looked at \(path): there is no socket")
    case .nobodyListens:
      throw CommandFailure(.unavailable, "is the daemon running? looked at \(path): nobody listens")
    case .permissionDenied:
      throw CommandFailure(
        .notPermitted,
        "only root and the members of control_group may open \(path); run as root or join the group")
    case .failed(let reason):
      throw CommandFailure(.unavailable, "is the daemon running? looked at \(path): \(reason)")
    }
  }
}
