// What RPCTransport needs to talk to thousands of hosts through few sockets, and the Glibc module does not show to
// Swift: sendmmsg(2), recvmmsg(2), the error queue of ip(7). Every function returns 0, a count or a descriptor, or a
// negative errno; none touches errno itself.
#ifndef LOCKFERRY_CLINUX_FANOUT_H
#define LOCKFERRY_CLINUX_FANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Where a datagram goes to, or came from.
struct lfn_peer {
  /// Network order; the first 4 of an IPv4 address.
  uint8_t address[16];
  uint32_t scope;
  uint16_t port;
  bool is_ipv6;
};

/// A datagram to be sent.
struct lfn_departure {
  struct lfn_peer to;
  uint32_t offset;
  uint32_t length;
};

/// A datagram that has come.
struct lfn_arrival {
  struct lfn_peer from;
  /// Longer ones are cut to what a slot holds.
  uint32_t length;
  /// Datagrams that this socket had no room for, since it was opened.
  uint32_t dropped;
};

/// An error that a datagram met on its way.
struct lfn_failure {
  /// The beginning of what was sent.
  uint8_t payload[4];
  uint32_t length;
  int error;
};

/// Most datagrams of one call.
#define LFN_BATCH 64
/// Bytes of a datagram that is received.
#define LFN_SLOT 1024

/// A socket, non-blocking and closed on exec, bound to the address of `from` (all zero: any) and to a port below 1024
/// that no service is known for, where this process may have one (`*privileged`). A datagram socket gets buffers of
/// `buffer_bytes` where that is allowed, and reports errors and losses.
int lfn_open(bool stream, const struct lfn_peer *from, int buffer_bytes, bool *privileged);

/// Connects, or begins to: -EINPROGRESS.
int lfn_connect(int descriptor, const struct lfn_peer *to);

/// Sends the first of `departures`, at most LFN_BATCH, and returns how many; -EAGAIN where there is no room now. Any
/// other error belongs to the first.
int lfn_send(
    int descriptor, const uint8_t *bytes, const struct lfn_departure *departures, int count);

/// Receives at most LFN_BATCH datagrams, each into its slot of `slots`; 0 where none is there.
int lfn_receive(int descriptor, uint8_t *slots, struct lfn_arrival *arrivals);

/// Takes one error out of the error queue; 0 where none is there.
int lfn_next_failure(int descriptor, struct lfn_failure *failure);

/// An epoll(7) instance.
int lfn_open_watch(void);

/// Waits once for `descriptor` to become readable or, instead, writable; forgets what it waited for before. Closing
/// the descriptor ends the wait.
int lfn_watch(int watch, int descriptor, bool writable, int64_t tag);

/// The tags of at most `capacity` descriptors that are ready; does not wait.
int lfn_ready(int watch, int64_t *tags, int capacity);

#endif
