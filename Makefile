# What one types here. Everything is done by SwiftPM; this file only knows the words.

SWIFT ?= swift
sources = Package.swift $(wildcard Sources Tests Benchmarks)

.PHONY: build release demo lab lab-programs test lint format bench bench-callout bench-decisions bench-notify bench-statd soak \
  soak-messages soak-callout soak-statd clean dependencies
.DEFAULT_GOAL := build

build: dependencies
	$(SWIFT) build

# What one installs: lockferry and lockferry-callout in .build/release need no Swift on the machine that runs them.
release: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product lockferry
	$(SWIFT) build -c release --static-swift-stdlib --product lockferry-callout

# Needs root: three hosts in namespaces of this machine. Ends by itself within a minute and cleans up.
demo: dependencies
	$(SWIFT) build --product lockferry
	$(SWIFT) build --product nsm-peer
	$(SWIFT) build --product lockferry-demo
	"$$($(SWIFT) build --show-bin-path)/lockferry-demo"

lab-programs: dependencies
	$(SWIFT) build --product lockferry
	$(SWIFT) build --product lockferry-callout
	$(SWIFT) build --product lab-locks
	$(SWIFT) build --product lab-straggler
	$(SWIFT) build --product lockferry-lab

# Needs root: virtual machines with real kernels, see docs/lab.md. SCENARIO=, RECOVERY=, KERNEL=, KERNEL_DEB=, COMPARE=1, KEEP=1.
lab: lab-programs
	"$$($(SWIFT) build --show-bin-path)/lockferry-lab" $(if $(SCENARIO),--scenario $(SCENARIO)) \
	  $(if $(RECOVERY),--recovery $(RECOVERY)) \
	  $(if $(KERNEL),--kernel $(KERNEL)) $(if $(KERNEL_DEB),--kernel-deb "$(KERNEL_DEB)") \
	  $(if $(COMPARE),--compare) $(if $(KEEP),--keep)

# Host tests and the kernel lab need root; without it, or without QEMU, they say so and are skipped. The lab is first
# and alone: five machines beside other tests would disturb each other. So are the simulator, which takes every processor,
# and the tests that fill the kernel's neighbour table, which all test hosts share.
test: dependencies
	scripts/unpack-packages .build/ganesha nfs-ganesha nfs-ganesha-mem || echo "no NFS-Ganesha here: its tests are skipped"
	$(SWIFT) build --build-tests
	"$$($(SWIFT) build --show-bin-path)/lockferry-lab" --scenario crash --kernel 6.1 --where-possible
	$(SWIFT) test --skip-build --filter ClusterSimulatorTests
	$(SWIFT) test --skip-build --filter NeighbourTableTests
	$(SWIFT) test --skip-build --skip ClusterSimulatorTests --skip NeighbourTableTests

# Whole clusters with random faults, see docs/simulator.md: SEEDS of them, or until SIGINT; from FIRST on (default 0).
soak: dependencies
	$(SWIFT) build -c release --product lockferry-simulator
	"$$($(SWIFT) build -c release --show-bin-path)/lockferry-simulator" $(if $(SEEDS),--seeds $(SEEDS)) \
	  $(if $(FIRST),--first $(FIRST))

# Hostile messages for SECONDS (default 600), from another seed each time.
soak-messages: dependencies
	$(SWIFT) build --build-tests
	LOCKFERRY_SOAK_SECONDS=$(or $(SECONDS),600) $(SWIFT) test --skip-build --filter HostileMessages

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(sources)

format:
	$(SWIFT) format format --in-place --recursive --parallel $(sources)

# Needs root, as the next.
bench: dependencies
	scripts/bench/end-to-end
	scripts/bench/notify
	scripts/bench/callout

# 500 power cuts under a stream of registrations: with rpc.statd and lockferry-callout, and with lockferry statd. About a
# quarter of an hour each; `make test` plays a few. Needs root.
soak-callout: dependencies
	$(SWIFT) build --build-tests
	LOCKFERRY_POWER_CUTS=500 LOCKFERRY_HOST_TESTS=required $(SWIFT) test --skip-build --filter CalloutPowerCut

soak-statd: dependencies
	$(SWIFT) build --build-tests
	LOCKFERRY_POWER_CUTS=500 LOCKFERRY_HOST_TESTS=required \
	  $(SWIFT) test --skip-build --filter RefusingStatusMonitor/powerCuts

# Not part of `bench` before it has run as a whole, see docs/benchmarks.md.
bench-callout: dependencies
	scripts/bench/callout

bench-notify: dependencies
	scripts/bench/notify

# One decision round for up to 300 nodes and 1,000 services; about a minute after the build, needs no root.
bench-decisions: dependencies
	scripts/bench/decisions

# SM_MON of rpc.statd and of lockferry statd; about 6 minutes.
bench-statd: dependencies
	scripts/bench/statd

clean:
	$(SWIFT) package clean

dependencies:
	@scripts/install-dependencies
