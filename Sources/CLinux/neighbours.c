#define _GNU_SOURCE
#include "CLinuxNeighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { arp = 0x0806, ipv6 = 0x86dd };

// sockaddr_ll declares 8 bytes for the address; the kernel takes and gives longer ones in a longer structure.
union link_address {
  struct sockaddr_ll link;
  uint8_t room[offsetof(struct sockaddr_ll, sll_addr) + LFH_MAX_LINK_ADDRESS];
};

static union link_address place(const struct lfh_link *link, uint16_t protocol) {
  union link_address address;
  memset(&address, 0, sizeof address);
  address.link.sll_family = AF_PACKET;
  address.link.sll_protocol = htons(protocol);
  address.link.sll_ifindex = link->index;
  return address;
}

static int hear(const struct lfh_link *link, uint16_t protocol, const struct sock_fprog *filter) {
  // Protocol 0 until the filter is in: nothing else is queued.
  int descriptor = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  union link_address here = place(link, protocol);
  if ((filter && setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof *filter) < 0) ||
      bind(descriptor, (struct sockaddr *)&here, sizeof here.link) < 0) {
    int failure = errno;
    close(descriptor);
    return -failure;
  }
  return descriptor;
}

int lfh_hear_arp(const struct lfh_link *link) { return hear(link, arp, NULL); }

int lfh_hear_neighbour_discovery(const struct lfh_link *link) {
  // The next header is ICMPv6 and its type 135 or 136; these have no extension headers.
  static struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, sizeof((struct lfh_neighbour_packet *)0)->bytes),
  };
  static const struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
  return hear(link, ipv6, &filter);
}

int lfh_join_group(const struct lfh_link *link, const uint8_t group[16]) {
  int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  struct ipv6_mreq request = {.ipv6mr_interface = (unsigned)link->index};
  memcpy(&request.ipv6mr_multiaddr, group, 16);
  if (setsockopt(descriptor, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) < 0) {
    int failure = errno;
    close(descriptor);
    return -failure;
  }
  return descriptor;
}

int lfh_next_neighbour_packet(int descriptor, struct lfh_neighbour_packet *packet) {
  union link_address from;
  memset(&from, 0, sizeof from);
  memset(packet, 0, sizeof *packet);
  socklen_t size = sizeof from;
  ssize_t length;
  do length = recvfrom(
      descriptor, packet->bytes, sizeof packet->bytes, 0, (struct sockaddr *)&from, &size);
  while (length < 0 && errno == EINTR);
  if (length < 0) return -errno;
  packet->length = (size_t)length;
  packet->hardware_length =
      from.link.sll_halen <= LFH_MAX_LINK_ADDRESS ? from.link.sll_halen : LFH_MAX_LINK_ADDRESS;
  memcpy(packet->hardware, from.room + offsetof(struct sockaddr_ll, sll_addr), packet->hardware_length);
  packet->is_own = from.link.sll_pkttype == PACKET_OUTGOING;
  return 0;
}

bool lfh_await_neighbour_packet(int descriptor, int64_t nanoseconds) {
  struct pollfd polled = {.fd = descriptor, .events = POLLIN};
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  return nanoseconds > 0 && ppoll(&polled, 1, &limit, NULL) > 0;
}

static int ask(int descriptor, union link_address *to, const uint8_t *packet, size_t length) {
  ssize_t sent =
      sendto(descriptor, packet, length, MSG_DONTWAIT, (struct sockaddr *)to, sizeof *to);
  return sent < 0 ? -errno : 0;
}

int lfh_ask_arp(int descriptor, const struct lfh_link *link, const uint8_t *packet, size_t length) {
  if (link->address_length == 0 || link->address_length > LFH_MAX_LINK_ADDRESS) return -EADDRNOTAVAIL;
  union link_address everybody = place(link, arp);
  everybody.link.sll_halen = link->address_length;
  memcpy(
      everybody.room + offsetof(struct sockaddr_ll, sll_addr), link->broadcast, link->address_length);
  return ask(descriptor, &everybody, packet, length);
}

int lfh_ask_group(
    int descriptor, const struct lfh_link *link, const uint8_t group[4], const uint8_t *packet, size_t length) {
  union link_address listeners = place(link, ipv6);
  listeners.link.sll_halen = 6;
  uint8_t *hardware = listeners.room + offsetof(struct sockaddr_ll, sll_addr);
  hardware[0] = hardware[1] = 0x33;
  memcpy(hardware + 2, group, 4);
  return ask(descriptor, &listeners, packet, length);
}

bool lfh_link_is_ethernet(struct lfh_link link) {
  return link.hardware_type == ARPHRD_ETHER && link.address_length == 6;
}
