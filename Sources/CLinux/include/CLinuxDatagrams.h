// Many datagrams with one system call, and the addresses at which they arrived: what a program needs that stands for
// many hosts. Every function returns 0 (or a count, or a descriptor) or a negative errno.
#ifndef LOCKFERRY_CLINUX_DATAGRAMS_H
#define LOCKFERRY_CLINUX_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Sockets

/// An address and a port in host order. An IPv4 address fills the first 4 bytes.
struct lfd_endpoint {
  uint8_t address[16];
  uint16_t port;
};

/// A UDP socket on `port` (0: any free one) of every address, also of those that only a local route makes this
/// host's (IPV6_FREEBIND). It tells to which address each datagram was sent, does not block, and asks for
/// `buffer_bytes` of buffer each way.
int lfd_open_datagrams(bool ipv6, uint16_t port, int buffer_bytes);

/// A TCP socket that listens on `port` of every address and does not block.
int lfd_open_listener(bool ipv6, uint16_t port);

/// Accepts a connection, which does not block either; `*local` is the address that was called.
int lfd_accept(int listener, struct lfd_endpoint *local, struct lfd_endpoint *remote);

/// Makes closing `connection` a reset, as from a host where nothing listens.
int lfd_reset_on_close(int connection);

/// The port that the socket is bound to.
int lfd_port(int socket);

/// How many datagrams the kernel threw away because the socket's buffer was full.
int64_t lfd_dropped(int socket);

/// The most addresses that ``lfd_ignore`` takes.
#define LFD_MAX_IGNORED 2000

/// Makes the kernel throw away, unanswered, whatever is sent to these addresses on `socket`, connection requests
/// included (SO_ATTACH_FILTER). An address is given by its last 4 bytes in network order. `count` 0 ends it.
int lfd_ignore(int socket, bool ipv6, const uint32_t *addresses, size_t count);

// Datagrams

/// One datagram. Where it arrived: `remote` sent it to `local`. To be sent: it goes to `remote` and leaves from the
/// address of `local`.
struct lfd_datagram {
  struct lfd_endpoint remote;
  struct lfd_endpoint local;
  uint32_t length;
  uint8_t *bytes;
};

/// Room for datagrams of one family.
struct lfd_batch {
  struct lfd_datagram *datagrams;
  uint32_t capacity;
  /// Bytes for each datagram.
  uint32_t room;
  struct lfd_vectors *vectors;
};

/// Room for `capacity` datagrams of at most `room` bytes; NULL where memory lacks.
struct lfd_batch *lfd_make_batch(bool ipv6, uint32_t capacity, uint32_t room);

/// Gives the room back.
void lfd_free_batch(struct lfd_batch *batch);

/// Receives what has arrived, at most the capacity; -EAGAIN where nothing has. A datagram longer than the room is
/// cut.
int lfd_receive(int socket, struct lfd_batch *batch);

/// Sends `count` datagrams from `first` on; returns how many went out before the first that didn't.
int lfd_send(int socket, struct lfd_batch *batch, uint32_t first, uint32_t count);

// Waiting

/// A set of descriptors to wait for (epoll(7)).
int lfd_open_wait(void);

/// Waits for `descriptor` to be readable too, until it is closed; `tag` stands for it.
int lfd_wait_for(int wait, int descriptor, uint64_t tag);

/// Waits `milliseconds` at most (-1: without limit); the tags of the readable ones, at most `capacity` of them.
int lfd_wait(int wait, uint64_t *tags, int capacity, int milliseconds);

#endif
