#define _GNU_SOURCE
#include "CLinuxFanout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union lfn_socket_address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

static socklen_t lfn_fill(union lfn_socket_address *address, const struct lfn_peer *peer) {
  memset(address, 0, sizeof *address);
  if (peer->is_ipv6) {
    address->six.sin6_family = AF_INET6;
    address->six.sin6_port = htons(peer->port);
    address->six.sin6_scope_id = peer->scope;
    memcpy(&address->six.sin6_addr, peer->address, 16);
    return sizeof address->six;
  }
  address->four.sin_family = AF_INET;
  address->four.sin_port = htons(peer->port);
  memcpy(&address->four.sin_addr, peer->address, 4);
  return sizeof address->four;
}

static void lfn_read(struct lfn_peer *peer, const union lfn_socket_address *address) {
  memset(peer, 0, sizeof *peer);
  peer->is_ipv6 = address->any.sa_family == AF_INET6;
  if (peer->is_ipv6) {
    peer->port = ntohs(address->six.sin6_port);
    // The kernel fills the scope in for link-local addresses alone.
    peer->scope = address->six.sin6_scope_id;
    memcpy(peer->address, &address->six.sin6_addr, 16);
  } else {
    peer->port = ntohs(address->four.sin_port);
    memcpy(peer->address, &address->four.sin_addr, 4);
  }
}

enum { lowest_port = 600, ports = 1024 - lowest_port };
static bool known_ports[ports];

static void lfn_learn_ports(void) {
  for (int i = 0; i < ports; i++) {
    struct servent entry, *found = NULL;
    char text[1024];
    for (int tcp = 0; tcp < 2 && !known_ports[i]; tcp++) {
      int status = getservbyport_r(
          htons((uint16_t)(lowest_port + i)), tcp ? "tcp" : "udp", &entry, text, sizeof text, &found);
      known_ports[i] = status == 0 && found != NULL;
    }
  }
}

// Binds to a port below 1024; -EACCES where that is not allowed.
static int lfn_bind_privileged(int descriptor, struct lfn_peer from) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, lfn_learn_ports);
  unsigned start = 0;
  if (getrandom(&start, sizeof start, GRND_NONBLOCK) < 0)
    start = (unsigned)getpid();
  for (unsigned i = 0; i < ports; i++) {
    unsigned place = (start + i) % ports;
    if (known_ports[place])
      continue;
    from.port = (uint16_t)(lowest_port + place);
    union lfn_socket_address address;
    socklen_t size = lfn_fill(&address, &from);
    if (bind(descriptor, &address.any, size) == 0)
      return 0;
    if (errno != EADDRINUSE)
      return -errno;
  }
  return -EADDRINUSE;
}

static int lfn_bind(int descriptor, const struct lfn_peer *from, bool *privileged) {
  int status = lfn_bind_privileged(descriptor, *from);
  *privileged = status == 0;
  if (status != -EACCES && status != -EADDRINUSE)
    return status;
  union lfn_socket_address address;
  socklen_t size = lfn_fill(&address, from);
  return bind(descriptor, &address.any, size) == 0 ? 0 : -errno;
}

int lfn_open(bool stream, const struct lfn_peer *from, int buffer_bytes, bool *privileged) {
  *privileged = false;
  int family = from->is_ipv6 ? AF_INET6 : AF_INET;
  int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  int descriptor = socket(family, type, 0);
  if (descriptor < 0)
    return -errno;
  int on = 1;
  if (from->is_ipv6)
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (stream) {
    // There are more conversations than privileged ports: one port serves several, with different hosts.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  } else {
    // Beyond the system's limit where this process may.
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0)
      setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    setsockopt(descriptor, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (from->is_ipv6)
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
      setsockopt(descriptor, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  }
  int status = lfn_bind(descriptor, from, privileged);
  if (status < 0) {
    close(descriptor);
    return status;
  }
  return descriptor;
}

int lfn_connect(int descriptor, const struct lfn_peer *to) {
  union lfn_socket_address address;
  socklen_t size = lfn_fill(&address, to);
  return connect(descriptor, &address.any, size) == 0 ? 0 : -errno;
}

int lfn_send(
    int descriptor, const uint8_t *bytes, const struct lfn_departure *departures, int count) {
  union lfn_socket_address addresses[LFN_BATCH];
  struct iovec vectors[LFN_BATCH];
  struct mmsghdr messages[LFN_BATCH];
  if (count > LFN_BATCH)
    count = LFN_BATCH;
  memset(messages, 0, sizeof messages[0] * (size_t)count);
  for (int i = 0; i < count; i++) {
    vectors[i].iov_base = (void *)(bytes + departures[i].offset);
    vectors[i].iov_len = departures[i].length;
    messages[i].msg_hdr.msg_namelen = lfn_fill(&addresses[i], &departures[i].to);
    messages[i].msg_hdr.msg_name = &addresses[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  // An error that another datagram met before is reported by the next call, which then has not sent anything; it
  // also stands in the error queue. One of this datagram's own stays.
  int failure = 0;
  for (int attempt = 0; attempt < 8; attempt++) {
    int sent = sendmmsg(descriptor, messages, (unsigned)count, 0);
    if (sent >= 0)
      return sent;
    failure = -errno;
    // ENOBUFS, of IPv6 EINVAL: the neighbour table is full for this host, or the interface's queue is; trying at once
    // is no use.
    if (errno == EAGAIN || errno == ENOBUFS || errno == EINVAL)
      break;
  }
  return failure;
}

int lfn_receive(int descriptor, uint8_t *slots, struct lfn_arrival *arrivals) {
  union lfn_socket_address addresses[LFN_BATCH];
  struct iovec vectors[LFN_BATCH];
  struct mmsghdr messages[LFN_BATCH];
  union {
    struct cmsghdr aligned;
    uint8_t bytes[CMSG_SPACE(sizeof(uint32_t))];
  } control[LFN_BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < LFN_BATCH; i++) {
    vectors[i].iov_base = slots + (size_t)i * LFN_SLOT;
    vectors[i].iov_len = LFN_SLOT;
    messages[i].msg_hdr.msg_name = &addresses[i];
    messages[i].msg_hdr.msg_namelen = sizeof addresses[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = &control[i];
    messages[i].msg_hdr.msg_controllen = sizeof control[i];
  }
  int count;
  // Errors of datagrams that were sent are reported here, too, once each.
  int attempt = 0;
  do
    count = recvmmsg(descriptor, messages, LFN_BATCH, MSG_DONTWAIT, NULL);
  while (count < 0 && errno != EAGAIN && attempt++ < LFN_BATCH);
  if (count < 0)
    return errno == EAGAIN ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    lfn_read(&arrivals[i].from, &addresses[i]);
    arrivals[i].length = messages[i].msg_len;
    arrivals[i].dropped = 0;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&messages[i].msg_hdr); item != NULL;
         item = CMSG_NXTHDR(&messages[i].msg_hdr, item)) {
      if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_RXQ_OVFL)
        memcpy(&arrivals[i].dropped, CMSG_DATA(item), sizeof arrivals[i].dropped);
    }
  }
  return count;
}

int lfn_next_failure(int descriptor, struct lfn_failure *failure) {
  union {
    struct cmsghdr aligned;
    uint8_t bytes[512];
  } control;
  struct iovec vector = {.iov_base = failure->payload, .iov_len = sizeof failure->payload};
  struct msghdr message = {
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = &control,
      .msg_controllen = sizeof control,
  };
  ssize_t length = recvmsg(descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (length < 0)
    return errno == EAGAIN ? 0 : -errno;
  failure->length = (uint32_t)length;
  failure->error = 0;
  for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item != NULL;
       item = CMSG_NXTHDR(&message, item)) {
    bool is_four = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR;
    bool is_six = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR;
    if (is_four || is_six) {
      struct sock_extended_err extended;
      memcpy(&extended, CMSG_DATA(item), sizeof extended);
      failure->error = (int)extended.ee_errno;
    }
  }
  return 1;
}

int lfn_open_watch(void) {
  int watch = epoll_create1(EPOLL_CLOEXEC);
  return watch < 0 ? -errno : watch;
}

int lfn_watch(int watch, int descriptor, bool writable, int64_t tag) {
  struct epoll_event event = {
      .events = (writable ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
      .data.u64 = (uint64_t)tag,
  };
  if (epoll_ctl(watch, EPOLL_CTL_MOD, descriptor, &event) == 0)
    return 0;
  if (errno != ENOENT)
    return -errno;
  return epoll_ctl(watch, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : -errno;
}

int lfn_ready(int watch, int64_t *tags, int capacity) {
  struct epoll_event events[LFN_BATCH];
  int count = epoll_wait(watch, events, capacity < LFN_BATCH ? capacity : LFN_BATCH, 0);
  if (count < 0)
    return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++)
    tags[i] = (int64_t)events[i].data.u64;
  return count;
}
