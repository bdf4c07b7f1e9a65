#if PLANTED_BUGS
  import Synchronization

  /// Counts the steps of decisions whose number a test wants to know: time would tell of the machine as well.
  public final class CountedWork: Sendable {
    /// Where the steps of this task are counted; nil counts nothing.
    @TaskLocal public static var current: CountedWork?

    private let steps = Atomic(0)

    /// None yet.
    public init() {}

    /// So many so far.
    public var count: Int { steps.load(ordering: .relaxed) }

    /// A candidate, or a service, was looked at for another one.
    static func step() { current?.steps.wrappingAdd(1, ordering: .relaxed) }
  }
#else
  /// Counts nothing.
  enum CountedWork {
    @inline(__always) static func step() {}
  }
#endif
