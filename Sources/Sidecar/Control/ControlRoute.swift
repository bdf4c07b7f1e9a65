internal import Foundation

/// What can be asked over the control socket.
enum ControlRoute: Equatable {
  case status
  case records(service: String?)
  case history(service: String?)
  case historyEntry(service: String, number: Int)
  case ask
  case request(id: String)
  case cancel(service: String)
  case pause(Bool)
  case setDrain(node: String, Bool)
  case drain(node: String)
  case thaw(service: String)
  case unhold(service: String)
  case report
  case notify(service: String)
  case notification(service: String)
  case drill(service: String)

  /// Which route a request takes.
  static func find(_ question: HTTPQuestion) -> Result<ControlRoute, Refusal> {
    let segments = question.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
      segment in
      String(segment).removingPercentEncoding ?? String(segment)
    }
    let services = question.values("service").filter { !$0.isEmpty }
    let route: ControlRoute
    let method: String
    switch segments {
    case ["v1", "status"]: (route, method) = (.status, "GET")
    case ["v1", "records"]: (route, method) = (.records(service: services.first), "GET")
    case ["v1", "history"]: (route, method) = (.history(service: services.first), "GET")
    case ["v1", "health-reports"]: (route, method) = (.report, "POST")
    case ["v1", "requests"]: (route, method) = (.ask, "POST")
    case let path where path.count == 3 && path.starts(with: ["v1", "requests"]) && !path[2].isEmpty:
      (route, method) = (.request(id: path[2]), "GET")
    case ["v1", "pause"]: (route, method) = (.pause(true), "POST")
    case ["v1", "resume"]: (route, method) = (.pause(false), "POST")
    case let path where path.count == 4 && path.starts(with: ["v1", "nodes"]):
      switch (path[3], question.method) {
      case ("drain", "POST"): (route, method) = (.setDrain(node: path[2], true), "POST")
      case ("drain", _): (route, method) = (.drain(node: path[2]), "GET")
      case ("undrain", _): (route, method) = (.setDrain(node: path[2], false), "POST")
      default: return .failure(unknown(question))
      }
    case let path where path.count == 4 && path.starts(with: ["v1", "services"]):
      switch path[3] {
      case "cancel": (route, method) = (.cancel(service: path[2]), "POST")
      case "thaw": (route, method) = (.thaw(service: path[2]), "POST")
      case "unhold": (route, method) = (.unhold(service: path[2]), "POST")
      case "notify": (route, method) = (.notify(service: path[2]), "POST")
      case "notification": (route, method) = (.notification(service: path[2]), "GET")
      case "drill": (route, method) = (.drill(service: path[2]), "POST")
      default: return .failure(unknown(question))
      }
    case let path where path.count == 5 && path.starts(with: ["v1", "services"]) && path[3] == "history":
      guard let number = Int(path[4]), number > 0 else { return .failure(unknown(question)) }
      (route, method) = (.historyEntry(service: path[2], number: number), "GET")
    default: return .failure(unknown(question))
    }
    guard question.method == method else {
      let error = ControlError(.badRequest, "\(question.path.printable) takes \(method)")
      return .failure(Refusal(code: 405, error: error, allowedMethods: [method]))
    }
    guard services.count <= 1 else {
      return .failure(Refusal(code: 400, error: ControlError(.badRequest, "ask for one service at a time")))
    }
    return .success(route)
  }

  private static func unknown(_ question: HTTPQuestion) -> Refusal {
    Refusal(code: 404, error: ControlError(.noSuchObject, "no such path: \(question.path.printable)"))
  }

  /// Why a request takes none.
  struct Refusal: Error, Equatable {
    var code: Int
    var error: ControlError
    var allowedMethods: [String] = []
  }
}

extension ControlError.Code {
  /// The HTTP status that fits.
  var httpStatus: Int {
    switch self {
    case .failed: 500
    case .badRequest: 400
    case .storeUnavailable: 503
    case .noSuchObject: 404
    case .unsafe, .exists: 409
    case .indeterminate: 504
    case .preconditionFailed: 412
    }
  }
}
