// Hearing and asking neighbours on a link without having an address there: ARP (RFC 826) and IPv6 neighbour discovery
// (RFC 4861) through packet sockets. Every function returns 0 (or a descriptor) or a negative errno.
#ifndef LOCKFERRY_CLINUX_NEIGHBOURS_H
#define LOCKFERRY_CLINUX_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CLinuxHost.h"

/// Opens a socket that hears every ARP packet on `link`, and nothing else. Non-blocking, closed on exec.
int lfh_hear_arp(const struct lfh_link *link);

/// Opens a socket that hears every neighbour solicitation and advertisement that reaches `link`, and nothing else.
/// Non-blocking, closed on exec.
int lfh_hear_neighbour_discovery(const struct lfh_link *link);

/// Opens a socket that keeps `link` in the multicast group `group` until it is closed.
int lfh_join_group(const struct lfh_link *link, const uint8_t group[16]);

/// A packet that a neighbour sent.
struct lfh_neighbour_packet {
  /// From the network header on; longer ones are cut off.
  uint8_t bytes[128];
  size_t length;
  /// Of the sender on the link.
  uint8_t hardware[LFH_MAX_LINK_ADDRESS];
  size_t hardware_length;
  /// This machine itself sent it.
  bool is_own;
};

/// The next packet; -EAGAIN where there is none.
int lfh_next_neighbour_packet(int descriptor, struct lfh_neighbour_packet *packet);

/// Waits until a packet is there, for so long at most. True where one is.
bool lfh_await_neighbour_packet(int descriptor, int64_t nanoseconds);

/// Sends an ARP packet to everybody on `link`.
int lfh_ask_arp(int descriptor, const struct lfh_link *link, const uint8_t *packet, size_t length);

/// Sends an IPv6 packet to those on an Ethernet link who listen to the multicast address that ends in `group`
/// (RFC 2464, section 7).
int lfh_ask_group(
    int descriptor, const struct lfh_link *link, const uint8_t group[4], const uint8_t *packet, size_t length);

/// Whether neighbour discovery on it is as on Ethernet.
bool lfh_link_is_ethernet(struct lfh_link link);

#endif
