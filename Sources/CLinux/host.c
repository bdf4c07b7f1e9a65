#define _GNU_SOURCE
#include "CLinuxHost.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <malloc.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

// Processes

static bool has_name(const char *entry, const char *name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool same_name(const char *left, const char *right) {
  size_t length = strcspn(left, "=");
  return strncmp(left, right, length) == 0 && right[length] == '=';
}

// systemd addresses these to the daemon's own process: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
static bool is_for_this_process_alone(const char *entry) {
  static const char *const names[] = {
      "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (has_name(entry, names[i])) return true;
  return false;
}

static char **merged_environment(char *const added[]) {
  size_t count = 1;
  for (char **entry = environ; entry && *entry; entry++) count++;
  for (char *const *entry = added; *entry; entry++) count++;
  char **merged = calloc(count, sizeof *merged);
  if (!merged) return NULL;
  size_t next = 0;
  for (char **entry = environ; entry && *entry; entry++) {
    bool keep = !is_for_this_process_alone(*entry);
    for (char *const *own = added; keep && *own; own++) keep = !same_name(*own, *entry);
    if (keep) merged[next++] = *entry;
  }
  for (char *const *entry = added; *entry; entry++) merged[next++] = *entry;
  return merged;
}

int lfh_spawn(
    const char *path, char *const arguments[], char *const added[], int output, pid_t *process) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  char **environment = merged_environment(added);
  if (!environment) return -ENOMEM;
  int failure = posix_spawn_file_actions_init(&actions);
  if (failure) {
    free(environment);
    return -failure;
  }
  failure = posix_spawnattr_init(&attributes);
  if (failure) {
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return -failure;
  }
  sigfillset(&all);
  sigemptyset(&none);
  short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (!failure) failure = posix_spawnattr_setflags(&attributes, flags);
  if (!failure) failure = posix_spawnattr_setpgroup(&attributes, 0);
  if (!failure) failure = posix_spawnattr_setsigdefault(&attributes, &all);
  if (!failure) failure = posix_spawnattr_setsigmask(&attributes, &none);
  if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, output, 2);
  if (!failure) failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (!failure) failure = -lfh_close_others_in_child(&actions);
  if (!failure) failure = posix_spawn_file_actions_addchdir_np(&actions, "/");
  if (!failure) failure = posix_spawn(process, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  free(environment);
  return -failure;
}

int lfh_close_others_in_child(void *actions) { return -posix_spawn_file_actions_addclosefrom_np(actions, 3); }

int lfh_open_process(pid_t process) {
  long descriptor = syscall(SYS_pidfd_open, process, 0);  // close-on-exec by itself
  return descriptor < 0 ? -errno : (int)descriptor;
}

int lfh_reap(pid_t process, bool *signalled, int *value) {
  int status;
  pid_t reaped;
  do reaped = waitpid(process, &status, 0);
  while (reaped < 0 && errno == EINTR);
  if (reaped < 0) return -errno;
  *signalled = WIFSIGNALED(status);
  *value = *signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return 0;
}

int lfh_signal_process(int process, int signal) {
  return syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) < 0 ? -errno : 0;
}

int lfh_signal_group(pid_t leader, int signal) { return kill(-leader, signal) < 0 ? -errno : 0; }

// Threads

void lfh_prepare_thread(const char *name) {
  sigset_t all;
  sigfillset(&all);
  // Faults of the thread itself must still end the process.
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGILL);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGTRAP);
  sigdelset(&all, SIGABRT);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  pthread_setname_np(pthread_self(), name);
}

int lfh_stay_on_processor(int number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(number, &set);
  return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}

int lfh_enter_network_namespace(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int result = setns(descriptor, CLONE_NEWNET) < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

int lfh_unshare_mounts(void) {
  if (unshare(CLONE_NEWNS) < 0) return -errno;
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int lfh_use_host_name(const char *name) {
  if (unshare(CLONE_NEWUTS) < 0) return -errno;
  return sethostname(name, strlen(name)) < 0 ? -errno : 0;
}

int lfh_unshare_mounts_following(void) {
  if (unshare(CLONE_NEWNS) < 0) return -errno;
  return mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

int lfh_open_own_mounts(void) {
  int descriptor = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

int lfh_enter_mounts(int descriptor) {
  // A thread that shares root and working directory with others may not leave their mounts (setns(2)).
  if (unshare(CLONE_FS) < 0) return -errno;
  return setns(descriptor, CLONE_NEWNS) < 0 ? -errno : 0;
}

int lfh_enter_mount_namespace(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int result = lfh_enter_mounts(descriptor);
  close(descriptor);
  return result;
}

// Mounts

int lfh_mount(const char *type, const char *target, const char *options) {
  return mount(type, target, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno : 0;
}

int lfh_bind(const char *source, const char *target) {
  return mount(source, target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int lfh_move(const char *source, const char *target) {
  return mount(source, target, NULL, MS_MOVE, NULL) < 0 ? -errno : 0;
}

int lfh_make_private(const char *target) {
  return mount("none", target, NULL, MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int lfh_unmount(const char *target) {
  return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

// Descriptors

int lfh_event(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

void lfh_signal_event(int event) {
  // The only failure is a counter that is full, and then the event is signalled already.
  (void)eventfd_write(event, 1);
}

void lfh_wait_for_event(int event, int64_t nanoseconds) {
  struct pollfd polled = {.fd = event, .events = POLLIN};
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  (void)ppoll(&polled, 1, nanoseconds < 0 ? NULL : &limit, NULL);
}

int lfh_timer(void) {
  int descriptor = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

void lfh_set_timer(int timer, int64_t nanoseconds) {
  struct itimerspec setting = {0};
  if (nanoseconds >= 0) {
    // All zeros would unset it.
    if (nanoseconds == 0) nanoseconds = 1;
    setting.it_value.tv_sec = nanoseconds / 1000000000;
    setting.it_value.tv_nsec = nanoseconds % 1000000000;
  }
  (void)timerfd_settime(timer, 0, &setting, NULL);
}

int lfh_pipe(int *reading, int *writing) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
    int failure = errno;
    close(ends[0]);
    close(ends[1]);
    return -failure;
  }
  *reading = ends[0];
  *writing = ends[1];
  return 0;
}

// Files

int lfh_sync_file_system(int descriptor) { return syncfs(descriptor) < 0 ? -errno : 0; }

int lfh_lock(int descriptor) {
  int result;
  do result = flock(descriptor, LOCK_EX | LOCK_NB);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

void lfh_unlock(int descriptor) { (void)flock(descriptor, LOCK_UN); }

int lfh_copy_security_context(int source, int destination) {
  char context[4096], present[4096];
  ssize_t length = fgetxattr(source, "security.selinux", context, sizeof context);
  if (length < 0) return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
  // The kernel gives new files the context of their directory; a process that may not set contexts need not.
  if (fgetxattr(destination, "security.selinux", present, sizeof present) == length &&
      memcmp(present, context, (size_t)length) == 0)
    return 1;
  return fsetxattr(destination, "security.selinux", context, (size_t)length, 0) < 0 ? -errno : 1;
}

int lfh_open_trusted_directory(const char *folder, const char *name, uid_t *maker) {
  char target[4096];
  struct stat status;
  int result;
  int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return -errno;
  // Looked at and followed through one descriptor: the link can't be swapped in between.
  int entry = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (entry < 0) {
    result = -errno;
    close(parent);
    return result;
  }
  if (fstat(entry, &status) < 0) {
    result = -errno;
  } else if (!S_ISLNK(status.st_mode)) {
    result = openat(entry, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result < 0) result = -errno;
  } else if (status.st_uid != 0 && status.st_uid != geteuid()) {
    *maker = status.st_uid;
    result = -ELOOP;
  } else {
    ssize_t length = readlinkat(entry, "", target, sizeof target - 1);
    if (length >= 0) target[length] = 0;
    result = length < 0 ? -1 : openat(parent, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result < 0) result = -errno;
  }
  close(entry);
  close(parent);
  return result;
}

int lfh_open_directory_path(const char *path) {
  int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

// The boot clock

int64_t lfh_boot_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Network links

bool lfh_link_is_up(struct lfh_link link) { return (link.flags & IFF_UP) != 0; }

bool lfh_link_has_neighbours(struct lfh_link link) {
  return (link.flags & (IFF_NOARP | IFF_LOOPBACK)) == 0;
}

int lfh_find_link(const char *name, struct lfh_link *link) {
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) return -errno;
  int result = -ENODEV;
  for (struct ifaddrs *each = all; each; each = each->ifa_next) {
    if (!each->ifa_addr || each->ifa_addr->sa_family != AF_PACKET) continue;
    if (strcmp(each->ifa_name, name) != 0) continue;
    const struct sockaddr_ll *own = (const struct sockaddr_ll *)each->ifa_addr;
    const struct sockaddr_ll *broadcast = (const struct sockaddr_ll *)each->ifa_broadaddr;
    memset(link, 0, sizeof *link);
    link->index = own->sll_ifindex;
    link->flags = each->ifa_flags;
    link->hardware_type = own->sll_hatype;
    link->address_length = own->sll_halen;
    // glibc keeps room for addresses longer than sll_addr's declared 8 bytes (InfiniBand: 20).
    size_t length = own->sll_halen <= LFH_MAX_LINK_ADDRESS ? own->sll_halen : LFH_MAX_LINK_ADDRESS;
    memcpy(link->address, (const char *)own + offsetof(struct sockaddr_ll, sll_addr), length);
    if (broadcast && broadcast->sll_halen == own->sll_halen)
      memcpy(link->broadcast, (const char *)broadcast + offsetof(struct sockaddr_ll, sll_addr), length);
    result = 0;
    break;
  }
  freeifaddrs(all);
  return result;
}

static int mask_length(const uint8_t *mask, int bytes) {
  int length = 0;
  for (int i = 0; i < bytes; i++) length += __builtin_popcount(mask[i]);
  return length;
}

int lfh_addresses(struct lfh_address *addresses, int capacity) {
  struct ifaddrs *all;
  if (getifaddrs(&all) < 0) return -errno;
  int count = 0;
  for (struct ifaddrs *each = all; each; each = each->ifa_next) {
    if (!each->ifa_addr || !each->ifa_netmask) continue;
    int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    if (count < capacity) {
      struct lfh_address *next = &addresses[count];
      memset(next, 0, sizeof *next);
      // An IPv4 label ("eth0:1") starts with the interface's name.
      size_t length = strcspn(each->ifa_name, ":");
      if (length >= sizeof next->interface) length = sizeof next->interface - 1;
      memcpy(next->interface, each->ifa_name, length);
      next->is_ipv6 = family == AF_INET6;
      if (next->is_ipv6) {
        memcpy(next->bytes, &((struct sockaddr_in6 *)each->ifa_addr)->sin6_addr, 16);
        next->prefix_length =
            mask_length((const uint8_t *)&((struct sockaddr_in6 *)each->ifa_netmask)->sin6_addr, 16);
      } else {
        memcpy(next->bytes, &((struct sockaddr_in *)each->ifa_addr)->sin_addr, 4);
        next->prefix_length =
            mask_length((const uint8_t *)&((struct sockaddr_in *)each->ifa_netmask)->sin_addr, 4);
      }
    }
    count++;
  }
  freeifaddrs(all);
  return count;
}

int lfh_broadcast_arp(const struct lfh_link *link, const uint8_t *payload, size_t length) {
  // sockaddr_ll declares 8 bytes for the address; the kernel takes longer ones in a longer structure.
  union {
    struct sockaddr_ll link;
    uint8_t room[offsetof(struct sockaddr_ll, sll_addr) + LFH_MAX_LINK_ADDRESS];
  } destination;
  if (link->address_length == 0 || link->address_length > LFH_MAX_LINK_ADDRESS) return -EADDRNOTAVAIL;
  memset(&destination, 0, sizeof destination);
  destination.link.sll_family = AF_PACKET;
  destination.link.sll_protocol = htons(0x0806);
  destination.link.sll_ifindex = link->index;
  destination.link.sll_halen = link->address_length;
  memcpy(destination.room + offsetof(struct sockaddr_ll, sll_addr), link->broadcast, link->address_length);
  // Protocol 0: this socket only sends, so no frame is queued for it.
  int descriptor = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  ssize_t sent = sendto(
      descriptor, payload, length, MSG_DONTWAIT, (struct sockaddr *)&destination, sizeof destination);
  int result = sent < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

int lfh_multicast_icmpv6(
    const struct lfh_link *link, const uint8_t source[16], const uint8_t *payload, size_t length) {
  int descriptor = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  if (descriptor < 0) return -errno;
  int result = 0, hops = 255, off = 0;
  struct icmp6_filter none;
  ICMP6_FILTER_SETBLOCKALL(&none);
  struct sockaddr_in6 from = {.sin6_family = AF_INET6};
  memcpy(&from.sin6_addr, source, 16);
  if (IN6_IS_ADDR_LINKLOCAL(&from.sin6_addr)) from.sin6_scope_id = (uint32_t)link->index;
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)link->index};
  inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
  if (setsockopt(descriptor, IPPROTO_ICMPV6, ICMP6_FILTER, &none, sizeof none) < 0 ||
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, &link->index, sizeof link->index) < 0 ||
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off) < 0 ||
      bind(descriptor, (struct sockaddr *)&from, sizeof from) < 0 ||
      sendto(descriptor, payload, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) < 0)
    result = -errno;
  close(descriptor);
  return result;
}

int lfh_send_unix_datagram(const char *path, const uint8_t *payload, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t path_length = strlen(path);
  if (path_length == 0 || path_length >= sizeof address.sun_path) return -EINVAL;
  memcpy(address.sun_path, path, path_length);
  socklen_t address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);
  if (path[0] == '@')
    address.sun_path[0] = 0;
  else
    address_length++;
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  ssize_t sent = sendto(
      descriptor, payload, length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, address_length);
  int result = sent < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

void lfh_keep_heap_small(void) {
    // glibc gives threads arenas of their own, eight per processor, and what one thread has freed there no other
    // uses. Setting a threshold also keeps glibc from raising it.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}
