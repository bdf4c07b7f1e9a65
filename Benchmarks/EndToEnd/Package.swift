// swift-tools-version: 6.2
import PackageDescription

// Looks at the daemon from outside only, so it depends on nothing of lockferry.
let package = Package(
  name: "EndToEnd",
  products: [
    .executable(name: "end-to-end", targets: ["EndToEnd"]),
    .executable(name: "bare-mirror", targets: ["BareMirror"]),
  ],
  targets: [
    .executableTarget(name: "BareMirror"),
    .executableTarget(
      name: "EndToEnd",
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
