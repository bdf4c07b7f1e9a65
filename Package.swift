// swift-tools-version: 6.2
import PackageDescription

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "lockferry",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "lockferry", targets: ["lockferry"]),
    .executable(name: "lockferry-callout", targets: ["lockferry-callout"]),
    .executable(name: "lockferry-demo", targets: ["lockferry-demo"]),
    .executable(name: "lockferry-simulator", targets: ["lockferry-simulator"]),
    .executable(name: "nsm-peer", targets: ["nsm-peer"]),
    .executable(name: "lockferry-lab", targets: ["lockferry-lab"]),
    .executable(name: "lab-locks", targets: ["lab-locks"]),
    .executable(name: "lab-straggler", targets: ["lab-straggler"]),
    .library(name: "SharedStore", targets: ["SharedStore"]),
    .library(name: "Cluster", targets: ["Cluster", "StatusMonitor"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C libraries and the smallest shims for what Swift cannot import.
    .systemLibrary(name: "CTirpcLibrary", pkgConfig: "libtirpc", providers: [.apt(["libtirpc-dev"])]),
    .target(name: "CTirpc", dependencies: ["CTirpcLibrary"]),
    .target(name: "CLinux"),

    // Pure: no input or output, no clock, nothing but the standard library.
    .target(name: "CalloutProtocol"),
    .target(name: "ONCRPC"),
    .target(name: "StatusMonitor", dependencies: ["ONCRPC"]),
    .target(name: "Cluster", dependencies: ["StatusMonitor"]),
    .target(name: "ClusterSimulator", dependencies: ["Cluster", "StatusMonitor"]),

    // The world, seen through narrow doors.
    .target(name: "RPCTransport", dependencies: ["ONCRPC", "StatusMonitor", "CTirpc", "CLinux"]),
    .target(name: "SharedStore", dependencies: ["CLinux"]),
    .target(name: "NodeHost", dependencies: ["CLinux", "StatusMonitor", "CalloutProtocol"]),

    // A status monitor in the place of rpc.statd.
    .target(
      name: "StatusMonitorService",
      dependencies: [
        "ONCRPC", "StatusMonitor", "CalloutProtocol", "RPCTransport", "NodeHost", logging,
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),

    // The shell and its programs.
    .target(
      name: "Sidecar",
      dependencies: [
        "ONCRPC", "StatusMonitor", "CalloutProtocol", "Cluster", "ClusterSimulator", "RPCTransport",
        "SharedStore", "NodeHost", logging,
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "lockferry",
      dependencies: [
        "Sidecar", "Cluster", "ClusterSimulator", "StatusMonitor", "StatusMonitorService", "NodeHost",
        "RPCTransport", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      linkerSettings: [
        // The toolchain's own lld places what belongs together side by side, folds equal functions and packs
        // relocations: a seventh less resident memory than what the system's linker gives (docs/benchmarks.md).
        .unsafeFlags(
          ["-use-ld=lld", "-Xlinker", "--icf=safe", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"],
          .when(platforms: [.linux], configuration: .release))
      ]),

    // What `rpc.statd -H` runs: nothing but Glibc, so that it starts in about a millisecond.
    .executableTarget(name: "lockferry-callout", dependencies: ["CalloutProtocol"]),

    // Whole clusters in one process, see docs/simulator.md.
    .executableTarget(
      name: "lockferry-simulator",
      dependencies: [
        "ClusterSimulator", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Real parts for the demo and for tests.
    .executableTarget(
      name: "nsm-peer",
      dependencies: [
        "ONCRPC", "StatusMonitor", "RPCTransport", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "HostTestKit",
      dependencies: ["CLinux"]),
    .executableTarget(
      name: "lockferry-demo",
      dependencies: [
        "HostTestKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // The kernel lab: see docs/lab.md.
    .executableTarget(name: "lab-locks"),
    .executableTarget(name: "lab-straggler", dependencies: ["ONCRPC"]),
    .executableTarget(
      name: "lockferry-lab",
      dependencies: [
        "HostTestKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .testTarget(name: "CalloutProtocolTests", dependencies: ["CalloutProtocol"]),
    .target(name: "HexText", path: "Tests/HexText"),
    .testTarget(name: "ONCRPCTests", dependencies: ["ONCRPC", "HexText"]),
    .testTarget(name: "StatusMonitorTests", dependencies: ["StatusMonitor", "ONCRPC", "HexText"]),
    .testTarget(name: "RPCTransportTests", dependencies: ["RPCTransport", "ONCRPC"]),
    .testTarget(name: "ClusterTests", dependencies: ["Cluster", "ClusterSimulator", "StatusMonitor"]),
    .testTarget(
      name: "ClusterSimulatorTests", dependencies: ["Cluster", "ClusterSimulator", "StatusMonitor"],
      exclude: ["Transcripts"]),
    .testTarget(name: "SharedStoreTests", dependencies: ["SharedStore", "CLinux"]),
    .testTarget(name: "NodeHostTests", dependencies: ["NodeHost", "StatusMonitor", "CLinux"]),
    .testTarget(
      name: "SidecarTests",
      dependencies: [
        "Sidecar", "CalloutProtocol", "Cluster", "ClusterSimulator", "StatusMonitor", "SharedStore",
        "NodeHost",
        "lockferry",
      ]),
    .testTarget(name: "NSMPeerTests", dependencies: ["nsm-peer", "ONCRPC", "StatusMonitor"]),
    .testTarget(name: "HostTests", dependencies: ["HostTestKit", "CalloutProtocol"]),
    .testTarget(
      name: "LabTests",
      dependencies: ["lockferry-lab", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
  ]
}

// Mistakes that tests can plant, to see that the simulator finds them; no release build knows them.
for target in package.targets
where ["Cluster", "ClusterSimulator", "ClusterTests", "ClusterSimulatorTests"].contains(target.name) {
  target.swiftSettings?.append(.define("PLANTED_BUGS", .when(configuration: .debug)))
}

// Optimised in debug builds as well, each as a whole, since `make test` plays thousands of simulated failovers with them:
// a file by itself sees no other file's generics, and the simulator takes twice the time.
for target in package.targets where ["StatusMonitor", "Cluster", "ClusterSimulator"].contains(target.name) {
  target.swiftSettings?.append(
    .unsafeFlags(["-O", "-wmo", "-num-threads", "2"], .when(configuration: .debug)))
}
