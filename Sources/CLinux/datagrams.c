#define _GNU_SOURCE
#include "CLinuxDatagrams.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Sockets

union address {
  struct sockaddr any;
  struct sockaddr_in ipv4;
  struct sockaddr_in6 ipv6;
};

static socklen_t address_size(bool ipv6) {
  return ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void set_address(union address *address, bool ipv6, const struct lfd_endpoint *endpoint) {
  memset(address, 0, sizeof *address);
  if (ipv6) {
    address->ipv6.sin6_family = AF_INET6;
    address->ipv6.sin6_port = htons(endpoint->port);
    memcpy(&address->ipv6.sin6_addr, endpoint->address, 16);
  } else {
    address->ipv4.sin_family = AF_INET;
    address->ipv4.sin_port = htons(endpoint->port);
    memcpy(&address->ipv4.sin_addr, endpoint->address, 4);
  }
}

static void get_address(struct lfd_endpoint *endpoint, const union address *address) {
  memset(endpoint, 0, sizeof *endpoint);
  if (address->any.sa_family == AF_INET6) {
    memcpy(endpoint->address, &address->ipv6.sin6_addr, 16);
    endpoint->port = ntohs(address->ipv6.sin6_port);
  } else {
    memcpy(endpoint->address, &address->ipv4.sin_addr, 4);
    endpoint->port = ntohs(address->ipv4.sin_port);
  }
}

static int set_flag(int socket, int level, int option) {
  int on = 1;
  return setsockopt(socket, level, option, &on, sizeof on);
}

// The family's own options, and the wildcard address.
static int bind_to_all(int socket, bool ipv6, uint16_t port) {
  struct lfd_endpoint all = {.port = port};
  union address address;
  set_address(&address, ipv6, &all);
  if (ipv6 &&
      (set_flag(socket, IPPROTO_IPV6, IPV6_V6ONLY) < 0 || set_flag(socket, IPPROTO_IPV6, IPV6_FREEBIND) < 0))
    return -1;
  return bind(socket, &address.any, address_size(ipv6));
}

int lfd_open_datagrams(bool ipv6, uint16_t port, int buffer_bytes) {
  int descriptor = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  int told = ipv6 ? set_flag(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                  : set_flag(descriptor, IPPROTO_IP, IP_PKTINFO);
  if (told < 0 || bind_to_all(descriptor, ipv6, port) < 0) {
    int failure = errno;
    close(descriptor);
    return -failure;
  }
  // Beyond the machine's limit where this process may; within it elsewhere.
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0)
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0)
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
  return descriptor;
}

int lfd_open_listener(bool ipv6, uint16_t port) {
  int descriptor = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  if (set_flag(descriptor, SOL_SOCKET, SO_REUSEADDR) < 0 || bind_to_all(descriptor, ipv6, port) < 0 ||
      listen(descriptor, 4096) < 0) {
    int failure = errno;
    close(descriptor);
    return -failure;
  }
  return descriptor;
}

int lfd_accept(int listener, struct lfd_endpoint *local, struct lfd_endpoint *remote) {
  union address own, other;
  socklen_t own_size = sizeof own, other_size = sizeof other;
  int descriptor = accept4(listener, &other.any, &other_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return -errno;
  if (getsockname(descriptor, &own.any, &own_size) < 0) {
    int failure = errno;
    close(descriptor);
    return -failure;
  }
  get_address(local, &own);
  get_address(remote, &other);
  return descriptor;
}

int lfd_reset_on_close(int connection) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  return setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0 ? -errno : 0;
}

int lfd_port(int socket) {
  union address own;
  struct lfd_endpoint endpoint;
  socklen_t size = sizeof own;
  if (getsockname(socket, &own.any, &size) < 0) return -errno;
  get_address(&endpoint, &own);
  return endpoint.port;
}

int64_t lfd_dropped(int socket) {
  uint32_t figures[SK_MEMINFO_VARS];
  socklen_t size = sizeof figures;
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, figures, &size) < 0) return -errno;
  return figures[SK_MEMINFO_DROPS];
}

int lfd_ignore(int socket, bool ipv6, const uint32_t *addresses, size_t count) {
  int unused = 0;
  if (count == 0) {
    int result = setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    return result < 0 && errno != ENOENT ? -errno : 0;
  }
  if (count > LFD_MAX_IGNORED) return -E2BIG;
  size_t length = 2 * count + 2;
  struct sock_filter *code = calloc(length, sizeof *code);
  if (!code) return -ENOMEM;
  size_t next = 0;
  // The last word of the destination address in the IP header.
  uint32_t offset = (uint32_t)SKF_NET_OFF + (ipv6 ? 36 : 16);
  code[next++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
  for (size_t i = 0; i < count; i++) {
    code[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(addresses[i]), 0, 1);
    code[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
  }
  code[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
  struct sock_fprog program = {.len = (unsigned short)next, .filter = code};
  int result = setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
  free(code);
  return result;
}

// Datagrams

// Aligned as a control message must be.
union control {
  struct cmsghdr header;
  uint8_t room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct lfd_vectors {
  bool ipv6;
  struct mmsghdr *messages;
  struct iovec *contents;
  union address *addresses;
  union control *controls;
  uint8_t *bytes;
};

struct lfd_batch *lfd_make_batch(bool ipv6, uint32_t capacity, uint32_t room) {
  struct lfd_batch *batch = calloc(1, sizeof *batch);
  struct lfd_vectors *vectors = calloc(1, sizeof *vectors);
  if (!batch || !vectors) {
    free(batch);
    free(vectors);
    return NULL;
  }
  batch->capacity = capacity;
  batch->room = room;
  batch->vectors = vectors;
  batch->datagrams = calloc(capacity, sizeof *batch->datagrams);
  vectors->ipv6 = ipv6;
  vectors->messages = calloc(capacity, sizeof *vectors->messages);
  vectors->contents = calloc(capacity, sizeof *vectors->contents);
  vectors->addresses = calloc(capacity, sizeof *vectors->addresses);
  vectors->controls = calloc(capacity, sizeof *vectors->controls);
  vectors->bytes = calloc(capacity, room);
  if (!batch->datagrams || !vectors->messages || !vectors->contents || !vectors->addresses ||
      !vectors->controls || !vectors->bytes) {
    lfd_free_batch(batch);
    return NULL;
  }
  for (uint32_t i = 0; i < capacity; i++) {
    batch->datagrams[i].bytes = vectors->bytes + (size_t)i * room;
    vectors->contents[i].iov_base = batch->datagrams[i].bytes;
    vectors->messages[i].msg_hdr.msg_iov = &vectors->contents[i];
    vectors->messages[i].msg_hdr.msg_iovlen = 1;
    vectors->messages[i].msg_hdr.msg_name = &vectors->addresses[i];
  }
  return batch;
}

void lfd_free_batch(struct lfd_batch *batch) {
  struct lfd_vectors *vectors = batch->vectors;
  free(vectors->messages);
  free(vectors->contents);
  free(vectors->addresses);
  free(vectors->controls);
  free(vectors->bytes);
  free(vectors);
  free(batch->datagrams);
  free(batch);
}

static void get_destination(struct lfd_endpoint *local, struct msghdr *message) {
  memset(local, 0, sizeof *local);
  for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO)
      memcpy(local->address, CMSG_DATA(each) + offsetof(struct in_pktinfo, ipi_addr), 4);
    if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO)
      memcpy(local->address, CMSG_DATA(each) + offsetof(struct in6_pktinfo, ipi6_addr), 16);
  }
}

int lfd_receive(int socket, struct lfd_batch *batch) {
  struct lfd_vectors *vectors = batch->vectors;
  for (uint32_t i = 0; i < batch->capacity; i++) {
    struct msghdr *message = &vectors->messages[i].msg_hdr;
    vectors->contents[i].iov_len = batch->room;
    message->msg_namelen = sizeof vectors->addresses[i];
    message->msg_control = &vectors->controls[i];
    message->msg_controllen = sizeof vectors->controls[i];
  }
  int count;
  do count = recvmmsg(socket, vectors->messages, batch->capacity, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) {
    struct lfd_datagram *datagram = &batch->datagrams[i];
    datagram->length = vectors->messages[i].msg_len;
    get_address(&datagram->remote, &vectors->addresses[i]);
    get_destination(&datagram->local, &vectors->messages[i].msg_hdr);
  }
  return count;
}

static void set_source(
    struct msghdr *message, union control *control, const struct lfd_datagram *datagram, bool ipv6) {
  memset(control, 0, sizeof *control);
  message->msg_control = control;
  if (ipv6) {
    struct in6_pktinfo source = {0};
    memcpy(&source.ipi6_addr, datagram->local.address, 16);
    message->msg_controllen = CMSG_SPACE(sizeof source);
    control->header.cmsg_level = IPPROTO_IPV6;
    control->header.cmsg_type = IPV6_PKTINFO;
    control->header.cmsg_len = CMSG_LEN(sizeof source);
    memcpy(CMSG_DATA(&control->header), &source, sizeof source);
  } else {
    struct in_pktinfo source = {0};
    memcpy(&source.ipi_spec_dst, datagram->local.address, 4);
    message->msg_controllen = CMSG_SPACE(sizeof source);
    control->header.cmsg_level = IPPROTO_IP;
    control->header.cmsg_type = IP_PKTINFO;
    control->header.cmsg_len = CMSG_LEN(sizeof source);
    memcpy(CMSG_DATA(&control->header), &source, sizeof source);
  }
}

int lfd_send(int socket, struct lfd_batch *batch, uint32_t first, uint32_t count) {
  struct lfd_vectors *vectors = batch->vectors;
  if (first > batch->capacity || count > batch->capacity - first) return -EINVAL;
  for (uint32_t i = first; i < first + count; i++) {
    struct lfd_datagram *datagram = &batch->datagrams[i];
    struct msghdr *message = &vectors->messages[i].msg_hdr;
    vectors->contents[i].iov_len = datagram->length;
    set_address(&vectors->addresses[i], vectors->ipv6, &datagram->remote);
    message->msg_namelen = address_size(vectors->ipv6);
    set_source(message, &vectors->controls[i], datagram, vectors->ipv6);
  }
  int sent;
  do sent = sendmmsg(socket, vectors->messages + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

// Waiting

int lfd_open_wait(void) {
  int descriptor = epoll_create1(EPOLL_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

int lfd_wait_for(int wait, int descriptor, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return epoll_ctl(wait, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int lfd_wait(int wait, uint64_t *tags, int capacity, int milliseconds) {
  struct epoll_event events[64];
  int most = capacity < 64 ? capacity : 64;
  int count = epoll_wait(wait, events, most, milliseconds);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) tags[i] = events[i].data.u64;
  return count;
}
