// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Decisions",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "decisions-benchmark", targets: ["Decisions"])],
  dependencies: [.package(name: "lockferry", path: "../..")],
  targets: [
    .executableTarget(
      name: "Decisions", dependencies: [.product(name: "Cluster", package: "lockferry")],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .treatAllWarnings(as: .error),
      ])
  ],
  swiftLanguageModes: [.v6]
)
