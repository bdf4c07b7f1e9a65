internal import Glibc

/// The folder of a directory store, opened for one call: whatever happens to the path meanwhile, the whole
/// call meets one and the same folder.
final class StoreRoot {
  /// Tells a store from the empty folder beneath a mount point.
  static let markerName = ".lockferry-store"
  static let markerLine = "lockferry directory store, format 1"
  static let journalName = ".journal"

  let place: StorePlace
  let folder: StoreFile
  /// Folders that this call has opened.
  private var opened = OpenedFolders()

  var path: String { place.path }
  var location: String { place.location }
  var steps: StoreSteps { place.steps }

  /// Opens the folder and looks for the marker.
  init(_ place: StorePlace) throws(StoreFailure) {
    self.place = place
    do throws(StoreFailure) {
      folder = try StoreFile(place.path, in: nil, flags: O_RDONLY | O_DIRECTORY)
    } catch {
      throw StoreFailure(
        StoreError(
          .unavailable,
          "the store \(place.location) isn't there (\(error.text)); nothing was written; if its file system "
            + "is mounted there, mount it: the store works again as soon as the folder is back"))
    }
    try checkMarker()
  }

  private func checkMarker() throws(StoreFailure) {
    let version = try folder.version(of: Self.markerName)
    // The very file that was read before need not be read again.
    if let version, place.knows(version) { return }
    let bytes: [UInt8]
    do throws(StoreFailure) {
      let marker = try StoreFile(Self.markerName, in: folder, flags: O_RDONLY)
      bytes = try marker.contents(limit: 4096, expecting: 64)
    } catch {
      guard error.number == ENOENT else { throw error }
      throw StoreFailure(
        StoreError(
          .unavailable,
          "\(path) is there but holds no lockferry store (no \(Self.markerName)); nothing was written; if its file "
            + "system isn't mounted, mount it; if this is to be a new store, make it once: lockferry init"))
    }
    guard bytes.prefix(while: { $0 != UInt8(ascii: "\n") }).elementsEqual(Self.markerLine.utf8) else {
      throw StoreFailure(
        StoreError(
          .unavailable,
          "\(path)/\(Self.markerName) doesn't say \"\(Self.markerLine)\": another version of lockferry made this "
            + "store; nothing was written; run the version that made it, or choose another folder"))
    }
    if let version { place.remember(version) }
  }

  /// The folder with these components, or nil where it doesn't exist.
  func folder(at components: ArraySlice<String>) throws(StoreFailure) -> StoreFile? {
    guard let name = components.last else { return folder }
    if let known = opened[components] { return known }
    guard let parent = try folder(at: components.dropLast()) else { return nil }
    do throws(StoreFailure) {
      let found = try StoreFile(name, in: parent, flags: O_RDONLY | O_DIRECTORY)
      opened[components] = found
      return found
    } catch {
      // A file on the way: a key above this one, so this one is absent.
      if error.number == ENOENT || error.number == ENOTDIR { return nil }
      throw error
    }
  }

  /// The folder that holds `key`, made where it is missing.
  func makeFolder(for key: StoreKey, durably: Bool) throws(StoreFailure) -> StoreFile {
    do throws(StoreFailure) {
      return try makeFolder(key.folder, durably: durably)
    } catch {
      if error.number == ENOTDIR, let above = keyHoldingValue(above: key) {
        throw StoreFailure(.nested(key, and: above))
      }
      throw error
    }
  }

  private func makeFolder(
    _ components: ArraySlice<String>, durably: Bool
  ) throws(StoreFailure) -> StoreFile {
    guard let name = components.last else { return folder }
    if let known = opened[components] { return known }
    let parent = try makeFolder(components.dropLast(), durably: durably)
    do throws(StoreFailure) {
      let found = try StoreFile(name, in: parent, flags: O_RDONLY | O_DIRECTORY)
      opened[components] = found
      return found
    } catch {
      guard error.number == ENOENT else { throw error }
    }
    steps.reached("make folder \(name)")
    try parent.makeFolder(name)
    steps.reached("sync parent of \(name)")
    if durably { try parent.sync() }
    let made = try StoreFile(name, in: parent, flags: O_RDONLY | O_DIRECTORY)
    opened[components] = made
    return made
  }

  private func keyHoldingValue(above key: StoreKey) -> StoreKey? {
    for above in key.foldersAbove {
      guard let folder = try? folder(at: above.folder), let version = try? folder.version(of: above.name)
      else { continue }
      if version.isRegular { return above }
    }
    return nil
  }

  /// The bytes of those of `keys` that have a file.
  func values(of keys: [StoreKey], _ progress: CallProgress) throws(StoreFailure) -> [StoreKey: [UInt8]] {
    var found: [StoreKey: [UInt8]] = [:]
    for key in keys {
      try progress.check(location)
      found[key] = try value(of: key)
    }
    return found
  }

  /// The bytes of `key` as they lie in its file, or nil where there is none.
  func value(of key: StoreKey) throws(StoreFailure) -> [UInt8]? {
    // A file that is replaced while an NFS client reads it may be gone under its handle.
    for attempt in 1... {
      do throws(StoreFailure) {
        guard let folder = try folder(at: key.folder) else { return nil }
        return try value(of: key, in: folder)?.bytes
      } catch {
        guard error.number == ESTALE, attempt < 10 else { throw error }
      }
    }
    return nil
  }

  /// The bytes of `key` and the version of the file that they were read from.
  func value(
    of key: StoreKey, in folder: StoreFile
  ) throws(StoreFailure) -> (bytes: [UInt8], version: FileVersion)? {
    let file: StoreFile
    do throws(StoreFailure) {
      file = try StoreFile(key.name, in: folder, flags: O_RDONLY)
    } catch {
      if error.number == ENOENT { return nil }
      throw error
    }
    let version = try file.version()
    if version.isFolder { return nil }
    guard version.isRegular else { throw StoreFailure(damage: "is no plain file", of: file.path) }
    let bytes = try file.contents(limit: StoreLimits.valueBytes, expecting: version.size)
    guard bytes.count <= StoreLimits.valueBytes else {
      throw StoreFailure(
        damage: "is larger than the \(StoreLimits.valueBytes) bytes of a value", of: file.path)
    }
    return (bytes, version)
  }
}

/// The folders that one call opened last. Few: a look at hundreds of nodes is not to keep as many files open.
private struct OpenedFolders {
  private static let most = 8
  private var folders: [(components: ArraySlice<String>, folder: StoreFile)] = []
  private var oldest = 0

  subscript(components: ArraySlice<String>) -> StoreFile? {
    get { folders.first { $0.components == components }?.folder }
    set {
      guard let newValue else { return }
      if folders.count < Self.most { return folders.append((components, newValue)) }
      folders[oldest] = (components, newValue)
      oldest = (oldest + 1) % Self.most
    }
  }
}
