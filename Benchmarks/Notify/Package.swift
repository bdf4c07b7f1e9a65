// swift-tools-version: 6.2
import PackageDescription

// Looks at the notifiers from outside only, so it depends on nothing of lockferry.
let package = Package(
  name: "Notify",
  products: [
    .executable(name: "notify-benchmark", targets: ["NotifyBenchmark"]),
    .executable(name: "bare-notify", targets: ["BareNotify"]),
  ],
  targets: [
    .executableTarget(name: "BareNotify"),
    .executableTarget(
      name: "NotifyBenchmark",
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .treatAllWarnings(as: .error),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
