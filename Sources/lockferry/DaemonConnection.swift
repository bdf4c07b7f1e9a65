import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Sidecar

/// Questions to the daemon; none takes longer than its limit.
struct DaemonConnection {
  /// The daemon answers at once unless it is asked for what is in the store.
  static let limit = Duration.seconds(30)
  private static let largestAnswer = 256 * 1024 * 1024

  /// The control socket.
  var path: String

  func get<Answer: Decodable>(_ uri: String, within limit: Duration = limit) async throws -> Answer {
    try decode(try await send(.GET, uri, body: nil, within: limit))
  }

  func post<Answer: Decodable>(_ uri: String, _ body: some Encodable) async throws -> Answer {
    try decode(try await send(.POST, uri, body: JSONEncoder().encode(body), within: Self.limit))
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
    guard let url = URL(httpURLWithSocketPath: path, uri: uri) else {
      throw CommandFailure(.usage, "\(path) can't be the path of a socket")
    }
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = method
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    let outcome: (status: Int, body: Data)
    do {
      outcome = try await execute(request, within: limit)
    } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
      throw CommandFailure(
        method == .GET ? .timedOut : .indeterminate,
        "no answer from the daemon on \(path) within \(limit)"
          + (method == .GET ? "" : "; it may or may not have done what was asked: see `lockferry status`"))
    } catch {
      throw CommandFailure(
        method == .GET ? .unavailable : .indeterminate,
        "the daemon on \(path) went away before it had answered: \(error)")
    }
    guard (200..<300).contains(outcome.status) else {
      if let refusal = try? JSONDecoder().decode(ControlError.self, from: outcome.body) {
        throw CommandFailure(refusal)
      }
      throw CommandFailure(.failed, "the daemon answered HTTP status \(outcome.status)")
    }
    return outcome.body
  }

  private func execute(
    _ request: HTTPClientRequest, within limit: Duration
  ) async throws -> (status: Int, body: Data) {
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    let result: Result<(status: Int, body: Data), any Error>
    do {
      let deadline = NIODeadline.now() + TimeAmount(limit)
      let response = try await client.execute(request, deadline: deadline)
      let body = try await response.body.collect(upTo: Self.largestAnswer)
      result = .success((Int(response.status.code), Data(body.readableBytesView)))
    } catch {
      result = .failure(error)
    }
    try? await client.shutdown()
    return try result.get()
  }

  /// AsyncHTTPClient tries to connect for seconds and then says little; the system says at once what is wrong.
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
