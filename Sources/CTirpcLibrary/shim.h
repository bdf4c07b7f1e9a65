// The library is used through the C target CTirpc alone; this header makes its version known to the compiler
// and its absence an error here rather than further on.
#include <rpc/types.h>
