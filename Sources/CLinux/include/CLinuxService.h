// What a network service needs of Linux and the Glibc module does not show to Swift: control messages, capabilities.
// Every function returns 0 (or a count) or a negative errno; none touches errno itself.
#ifndef LOCKFERRY_CLINUX_SERVICE_H
#define LOCKFERRY_CLINUX_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Where a datagram came from and to which of our addresses, so that the answer can leave from that address.
struct lfs_route {
  /// A struct sockaddr_in or sockaddr_in6.
  uint8_t peer[28];
  uint32_t peer_size;
  /// 4 or 16 bytes; none where the kernel didn't tell.
  uint8_t local[16];
  uint32_t local_size;
  /// The interface, for IPv6 link-local addresses.
  uint32_t interface;
};

/// Has the kernel tell the local address of every datagram (IP_PKTINFO, IPV6_RECVPKTINFO).
int lfs_want_routes(int socket, int family);

/// Receives a datagram without waiting. -EMSGSIZE: it was longer than `capacity` and is gone.
ssize_t lfs_receive(int socket, void *bytes, size_t capacity, struct lfs_route *route);

/// Sends a datagram back along `route` without waiting.
int lfs_send(int socket, const void *bytes, size_t length, const struct lfs_route *route);

/// Becomes `user` and `group` for good, in every thread, without supplementary groups, without a capability in this
/// thread or any that it starts later, and without the way back (PR_SET_NO_NEW_PRIVS). To be `user` 0 takes away the
/// capabilities alone.
int lfs_become(uid_t user, gid_t group);

/// Begins to write a file's data back without waiting for the end (sync_file_range(2)), so that many files that are
/// synced one after the other share one commit of the file system's journal.
void lfs_begin_writing(int descriptor);

#endif
