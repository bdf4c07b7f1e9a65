/// What a node knows of itself before a service comes to it that brings an NFS server of its own.
public struct IsolationFacts: Sendable, Equatable {
  /// Whether this kernel has an NFS server, loaded or as a module; nil where that can't be seen.
  public var hasKernelServer: Bool?
  /// Why a program of the NFS server can't be run; nil where all are there.
  public var programProblem: String?
  /// Why it isn't known what is exported; nil where it is.
  public var exportsProblem: String?
  /// `/etc/exports` is there, in whose place the service sees its own.
  public var hasExportsFile: Bool
  /// Interfaces to which its link is to be attached and that this node doesn't have.
  public var missingInterfaces: [String]

  /// A node on which nothing stands in the way.
  public init(
    hasKernelServer: Bool? = true, programProblem: String? = nil, exportsProblem: String? = nil,
    hasExportsFile: Bool = true, missingInterfaces: [String] = []
  ) {
    self.hasKernelServer = hasKernelServer
    self.programProblem = programProblem
    self.exportsProblem = exportsProblem
    self.hasExportsFile = hasExportsFile
    self.missingInterfaces = missingInterfaces
  }

  /// Why the service can't be served here in a network namespace of its own; empty where it can.
  public var refusals: [String] {
    var refusals: [String] = []
    if hasKernelServer == false {
      refusals.append("this kernel has no NFS server (nfsd), neither loaded nor as a module")
    }
    if let programProblem { refusals.append(programProblem) }
    if let exportsProblem {
      refusals.append(
        "\(exportsProblem). What the service exports stands there, or in `recovery.server.isolated.exports`; if it is "
          + "this node's own NFS server that shall serve it, say `recovery.server: restart-nfs`")
    }
    if !hasExportsFile {
      refusals.append(
        "there is no /etc/exports, in whose place the service would see its own; make an empty one")
    }
    if !missingInterfaces.isEmpty {
      refusals.append("this node has no interface \(missingInterfaces.joined(separator: ", "))")
    }
    return refusals
  }
}
