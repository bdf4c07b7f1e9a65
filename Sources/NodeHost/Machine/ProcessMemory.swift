import CLinux

/// This process's memory.
public enum ProcessMemory {
  /// Keeps the heap small though many threads come and go, at the price of some waiting for each other.
  /// To be called at the start, before there are many.
  public static func keepHeapSmall() {
    lfh_keep_heap_small()
  }
}
