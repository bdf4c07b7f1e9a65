/// What the kernel tells as text below `/proc`.
enum KernelTable {
  private static let limit = 256 << 20

  /// All of it.
  static func text(_ path: String) throws(NodeHostError) -> String {
    do {
      guard let bytes = try contentsOfFile(path, limit: limit) else {
        throw NodeHostError(.absent, "\(path) isn't there")
      }
      return String(decoding: bytes, as: UTF8.self)
    } catch let error as SystemError {
      throw NodeHostError(error.number, path)
    } catch let error as NodeHostError {
      throw error
    } catch {
      throw NodeHostError(.failed, "\(path): \(error)")
    }
  }
}
