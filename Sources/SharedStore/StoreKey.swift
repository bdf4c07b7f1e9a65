/// The path of one key in the shared store, such as `services/home/sm/10.0.0.11`.
///
/// A key that exists is safe to use as a relative path: one to eight components, each 1 to 255 bytes of
/// printable ASCII without `/`, none beginning with `.` (such names belong to the store's own files).
public struct StoreKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The components, from the root of the store down.
  public let components: [String]

  /// Checks every component.
  ///
  /// - Throws: ``StoreError`` with code ``StoreError/Code/invalidKey`` that names the component and why.
  public init(_ components: [String]) throws(StoreError) {
    guard (1...8).contains(components.count) else {
      throw StoreError(.invalidKey, "a key has 1 to 8 components, this one \(components.count)")
    }
    for component in components {
      let bytes = component.utf8
      guard (1...255).contains(bytes.count), bytes.first != UInt8(ascii: "."),
        bytes.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") })
      else {
        throw StoreError(
          .invalidKey,
          "\(String(reflecting: component)) can't be part of a key: it takes 1 to 255 printable ASCII "
            + "characters without '/', the first not '.'")
      }
    }
    self.components = components
  }

  /// The key below this one.
  public func appending(_ component: String) throws(StoreError) -> StoreKey {
    try StoreKey(components + [component])
  }

  /// The components joined by `/`.
  public var path: String { components.joined(separator: "/") }

  /// The path.
  public var description: String { path }

  /// By components, from the root down.
  public static func < (left: StoreKey, right: StoreKey) -> Bool {
    left.components.lexicographicallyPrecedes(right.components)
  }
}
