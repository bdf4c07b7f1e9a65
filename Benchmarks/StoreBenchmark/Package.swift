// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "StoreBenchmark",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "store-benchmark", targets: ["StoreBenchmark"])],
  dependencies: [.package(name: "lockferry", path: "../..")],
  targets: [
    .executableTarget(
      name: "StoreBenchmark", dependencies: [.product(name: "SharedStore", package: "lockferry")],
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
