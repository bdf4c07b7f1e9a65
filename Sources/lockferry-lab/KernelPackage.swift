import Foundation
import HostTestKit

/// A Debian kernel, unpacked and not installed.
struct KernelPackage: Sendable {
  /// What the table calls it: `6.1`, `6.12`, or its release.
  let label: String
  /// The release, as `uname -r` says.
  let release: String
  /// Below it are `boot` and `lib/modules`.
  let root: String

  /// The compressed kernel.
  var image: String { "\(root)/boot/vmlinuz-\(release)" }
  /// The folder for a guest's `/lib/modules`.
  var modules: String { "\(root)/lib/modules" }

  /// The kernels that the lab knows by name, and the Debian suite of each.
  static let suites = ["6.1": "bookworm", "6.12": "trixie"]

  /// Gets the kernel of a suite, unless it is in the cache folder.
  static func named(_ label: String, cache: String) async throws -> KernelPackage {
    guard let suite = suites[label] else {
      throw HostTestError(
        "no kernel \(label): say \(suites.keys.sorted().joined(separator: " or ")), or name a package's file")
    }
    let folder = "\(cache)/kernel-\(label)"
    if let unpacked = unpacked(in: folder, as: label) { return unpacked }
    say("Fetching the kernel package of Debian \(suite) …")
    let package = try await Shell.run(
      Self.aptRoot + """
        package=$(apt-cache "${options[@]}" depends linux-image-amd64 | sed -n 's/^ *Depends: \\(linux-image-[^ ]*\\)$/\\1/p' | head -1)
        [ -n "$package" ] || { echo "linux-image-amd64 of $suite depends on no kernel" >&2; exit 1; }
        mkdir -p "$cache/packages" && cd "$cache/packages" && rm -f "$package"_*.deb
        apt-get "${options[@]}" -qq download "$package" >&2
        echo "$cache/packages/$(ls "$package"_*.deb)"
        """, [suite, cache])
    guard let file = package.split(separator: "\n").last else {
      throw HostTestError("no package: \(package)")
    }
    return try await unpack(String(file), to: folder, as: label)
  }

  /// Unpacks a package that somebody has fetched or built, every time: another one may have the same name.
  static func file(_ path: String, cache: String) async throws -> KernelPackage {
    try await unpack(path, to: cache + "/kernel-file", as: nil)
  }

  /// An apt of the lab's own, so that another suite never reaches the machine's: its sources list has the mirror
  /// that the machine itself uses, whatever that is.
  private static let aptRoot = """
    suite=$1 cache=$2
    root="$cache/apt-$suite"
    mkdir -p "$root/etc" "$root/state/lists/partial" "$root/cache/archives/partial"
    touch "$root/state/status"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $(. /etc/os-release; echo "$VERSION_CODENAME")" 'Component: main' | head -1)
    [ -n "$mirror" ] || { echo "apt knows no mirror: run apt-get update" >&2; exit 1; }
    codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
    if [ "$suite" = "$codename" ]; then
        # The machine's own sources know about security updates.
        options=(-o APT::Sandbox::User=root)
        apt-cache show linux-image-amd64 > /dev/null 2>&1 || apt-get -qq update >&2
    else
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$root/etc/sources.list"
    options=(-o "Dir=$root" -o Dir::Etc=etc -o Dir::Etc::sourceparts=none -o Dir::State=state
             -o Dir::State::status=state/status -o Dir::Cache=cache -o APT::Sandbox::User=root
             -o APT::Architecture=amd64)
    apt-get "${options[@]}" -qq update >&2
    fi

    """

  private static func unpack(_ file: String, to folder: String, as label: String?) async throws
    -> KernelPackage
  {
    try await Shell.run(
      """
      rm -rf "$2.new" && mkdir -p "$2.new" && dpkg -x "$1" "$2.new"
      [ -e "$2.new/lib/modules" ] || { mkdir -p "$2.new/lib" && ln -s ../usr/lib/modules "$2.new/lib/modules"; }
      cd "$2.new/lib/modules" && depmod -b "$2.new" "$(ls)"
      rm -rf "$2" && mv "$2.new" "$2"
      """, [file, folder])
    guard let unpacked = unpacked(in: folder, as: label) else {
      throw HostTestError("\(file) is no kernel package")
    }
    return unpacked
  }

  private static func unpacked(in folder: String, as label: String?) -> KernelPackage? {
    guard
      let release = try? FileManager.default.contentsOfDirectory(atPath: folder + "/lib/modules").first,
      FileManager.default.fileExists(atPath: "\(folder)/boot/vmlinuz-\(release)")
    else { return nil }
    return KernelPackage(label: label ?? release, release: release, root: folder)
  }

  /// Makes the first file system of every guest: busybox, the modules that reach the lab machine's own root file
  /// system, and `lab/guest/init`.
  func makeInitramfs(at path: String, _ place: LabPlace) async throws {
    try await Shell.run(
      """
      root=$1 release=$2 target=$3 scripts=$4 tools=$5
      work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
      mkdir -p "$work/bin" "$work/modules" "$work/dev" "$work/proc" "$work/sys"
      cp "$(ls "$tools/bin/busybox" "$tools/usr/bin/busybox" 2> /dev/null | head -1)" "$work/bin/busybox"
      ln -s busybox "$work/bin/sh"
      cp "$scripts/init" "$work/init"
      for module in virtio_pci 9pnet_virtio 9p overlay; do
          modprobe -d "$root" -S "$release" --show-depends "$module" | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p'
      done | awk '!seen[$0]++' | while read -r file; do
          name=$(basename "$file"); plain=${name%.xz}; plain=${plain%.zst}
          case $name in
          *.xz) xz -dc "$file" > "$work/modules/$plain" ;;
          *.zst) zstd -qdc "$file" > "$work/modules/$plain" ;;
          *) cp "$file" "$work/modules/$plain" ;;
          esac
          echo "$plain"
      done > "$work/modules/order"
      (cd "$work" && find . | "$work/bin/busybox" cpio -o -H newc 2> /dev/null | gzip -1 > "$target")
      """, [root, release, path, place.scripts, place.tools])
  }
}
