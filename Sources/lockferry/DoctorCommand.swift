import ArgumentParser
import Sidecar

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks for what would keep lockferry from doing its work on this node.",
    discussion: """
      So far it looks at rpc.statd's callout: whether it is configured, whether statd's user can run it, and whether the \
      daemon answers it, by running it as that user. Changes nothing. Ends with 0 where all is well, with 1 where \
      something is not, and with 77 where only root could look.
      """)

  @Option(help: ArgumentHelp("The node file.", valueName: "file"))
  var config = NodeFile.defaultPath
  @Option(help: ArgumentHelp("The file that configures rpc.statd.", valueName: "file"))
  var nfsConf = "/etc/nfs.conf"
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let configuration = try NodeFileArgument.load(config)
    let report = await CalloutDoctor(configuration: configuration, nfsConf: nfsConf).examine()
    Terminal.write(
      try output.format.render(report) { DoctorTable.render($0, coloured: Terminal.hasColour) })
    let failed = report.checks.filter { $0.result == .failed }
    guard failed.isEmpty else {
      throw CommandFailure(
        .failed,
        "\(failed.count) of \(report.checks.count) checks failed: "
          + failed.map(\.check).joined(separator: ", "))
    }
    if !Terminal.isRoot, report.checks.contains(where: { $0.result == .skipped }) {
      throw CommandFailure(.notPermitted, "some checks need root")
    }
  }
}

/// `lockferry doctor` for people.
enum DoctorTable {
  static func render(_ report: DoctorReport, coloured: Bool) -> String {
    var table = TextTable(("CHECK", .left), ("RESULT", .left), ("FOUND", .left))
    for check in report.checks {
      let mood: TextTable.Mood =
        switch check.result {
        case .ok: .good
        case .failed: .bad
        case .skipped: .doubtful
        }
      table.add(.init(check.check), .init(check.result.rawValue, mood), .init(check.detail))
    }
    let remedies = report.checks.compactMap { check in
      check.remedy.map { Terminal.printable("\(check.check): \($0)") + "\n" }
    }
    return table.render(coloured: coloured) + (remedies.isEmpty ? "" : "\n" + remedies.joined())
  }
}
