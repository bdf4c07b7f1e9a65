#define _GNU_SOURCE
#include "CLinuxService.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int lfs_want_routes(int socket, int family) {
  int on = 1;
  int done = family == AF_INET6
                 ? setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                 : setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  return done == 0 ? 0 : -errno;
}

// Control messages want the alignment of their header.
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

ssize_t lfs_receive(int socket, void *bytes, size_t capacity, struct lfs_route *route) {
  union control control;
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_name = route->peer, .msg_namelen = sizeof route->peer, .msg_iov = &part, .msg_iovlen = 1,
      .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT);
  if (count < 0) return -errno;
  if (message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
  route->peer_size = message.msg_namelen;
  route->local_size = 0;
  route->interface = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      memcpy(route->local, &info.ipi_spec_dst, 4);
      route->local_size = 4;
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      memcpy(route->local, &info.ipi6_addr, 16);
      route->local_size = 16;
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) route->interface = info.ipi6_ifindex;
    }
  }
  return count;
}

int lfs_send(int socket, const void *bytes, size_t length, const struct lfs_route *route) {
  union control control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {
      .msg_name = (void *)route->peer, .msg_namelen = route->peer_size, .msg_iov = &part, .msg_iovlen = 1};
  if (route->local_size == 4) {
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, route->local, 4);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof info);
    control.header = (struct cmsghdr){
        .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
    memcpy(CMSG_DATA(&control.header), &info, sizeof info);
  } else if (route->local_size == 16) {
    struct in6_pktinfo info = {.ipi6_ifindex = route->interface};
    memcpy(&info.ipi6_addr, route->local, 16);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof info);
    control.header = (struct cmsghdr){
        .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof info)};
    memcpy(CMSG_DATA(&control.header), &info, sizeof info);
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
  return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

int lfs_become(uid_t user, gid_t group) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1
        && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return -errno;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  // The C library makes these changes in every thread.
  if (setgroups(0, NULL) != 0) return -errno;
  if (setresgid(group, group, group) != 0) return -errno;
  if (setresuid(user, user, user) != 0) return -errno;
  return drop_capabilities();
}

void lfs_begin_writing(int descriptor) {
  sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
}
