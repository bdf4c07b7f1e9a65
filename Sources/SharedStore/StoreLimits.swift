/// What every store refuses, so that no back end holds what another can't.
enum StoreLimits {
  /// The largest value, in bytes. The largest monitor record is 64 KiB; nothing in the store comes near.
  static let valueBytes = 1_048_576
  /// The longest that a call may wait. Temporary files of dead writers are only taken for dead beyond it.
  static let longestCall = Duration.seconds(600)
}

extension StoreTransaction {
  /// Refuses writes that no store can do, before anything is asked of one.
  func checkWrites() throws(StoreError) {
    var written: Set<StoreKey> = []
    var set: Set<StoreKey> = []
    for write in writes {
      guard written.insert(write.key).inserted else {
        throw StoreError(.invalidKey, "one transaction writes \(write.key) twice; nothing was written")
      }
      guard let value = write.value else { continue }
      set.insert(write.key)
      guard value.count <= StoreLimits.valueBytes else {
        throw StoreError(
          .invalidKey,
          "a value of \(value.count) bytes for \(write.key) is over the limit of "
            + "\(StoreLimits.valueBytes); nothing was written")
      }
    }
    // Of the many keys in one folder the first speaks for all.
    var seen: ArraySlice<String>?
    for write in writes where write.value != nil && write.key.folder != seen {
      seen = write.key.folder
      for folder in write.key.foldersAbove where set.contains(folder) {
        throw .nested(folder, and: write.key)
      }
    }
  }
}

extension StoreKey {
  /// Whether `prefix` is a folder on the way to this key.
  func isBelow(_ prefix: StoreKey) -> Bool {
    components.count > prefix.components.count && components.starts(with: prefix.components)
  }

  /// The folders on the way to this key, as keys.
  var foldersAbove: [StoreKey] {
    components.indices.dropFirst().compactMap { try? StoreKey(Array(components.prefix($0))) }
  }

  /// The components of the folder that holds this key.
  var folder: ArraySlice<String> { components.dropLast() }

  /// The key's own name in its folder.
  var name: String { components[components.count - 1] }
}

extension StoreError {
  static func nested(_ key: StoreKey, and other: StoreKey) -> StoreError {
    StoreError(
      .invalidKey,
      "\(key) can't hold a value beside \(other): one would be the other's folder; nothing was written")
  }

  static func keysBelow(_ key: StoreKey) -> StoreError {
    StoreError(
      .invalidKey,
      "\(key) can't hold a value: it is the folder of other keys, or once was; nothing was written")
  }
}
