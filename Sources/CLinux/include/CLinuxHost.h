// What NodeHost needs of Linux and the Glibc module does not show to Swift: GNU extensions, variadic
// functions, macros. Every function returns 0 (or a descriptor) or a negative errno; none touches errno itself.
#ifndef LOCKFERRY_CLINUX_HOST_H
#define LOCKFERRY_CLINUX_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
// getxattr(2) and setxattr(2), which the Glibc module leaves out.
#include <sys/xattr.h>

// Processes

/// Starts `path` in a process group of its own, in `/`, with stdin from /dev/null, stdout and stderr to `output`,
/// default signal handling, an empty signal mask and no other descriptor. The environment is this process's
/// without what systemd meant for this process alone, plus `added` ("NAME=value", which win).
int lfh_spawn(
    const char *path, char *const arguments[], char *const added[], int output, pid_t *process);

/// For a posix_spawn_file_actions_t: the child has nothing open but standard input, output and errors, whatever a library
/// here opened without O_CLOEXEC. Behind a pointer to anything, since Swift does not see the function itself
/// (posix_spawn_file_actions_addclosefrom_np(3)). Negative: an errno.
int lfh_close_others_in_child(void *actions);

/// A descriptor that becomes readable when `process` has exited (pidfd_open(2)).
int lfh_open_process(pid_t process);

/// Reaps `process`, which is a child of this one; `*signalled` says whether `*value` is a signal or an exit status.
int lfh_reap(pid_t process, bool *signalled, int *value);

/// pidfd_send_signal(2): to the process that the descriptor means, and never to another one with its number.
int lfh_signal_process(int process, int signal);

/// Sends `signal` to the process group that `leader` leads; `leader` must not have been reaped.
int lfh_signal_group(pid_t leader, int signal);

// Memory

/// Keeps the heap small though many threads come and go: few arenas, and free memory goes back to the kernel.
/// Before the process has many threads.
void lfh_keep_heap_small(void);

// Threads

/// Names the calling thread (at most 15 bytes) and blocks every signal in it, so that signals go to the threads
/// that wait for them.
void lfh_prepare_thread(const char *name);

/// Keeps the calling thread on one processor, counted from 0 (sched_setaffinity(2)).
int lfh_stay_on_processor(int number);

/// Moves the calling thread alone into the network namespace at `path` (setns(2)).
int lfh_enter_network_namespace(const char *path);

/// unshare(2) with CLONE_NEWNS for the calling thread alone, mounts made private.
int lfh_unshare_mounts(void);

/// sethostname(2) for the calling thread alone, and what it starts (unshare(2), CLONE_NEWUTS).
int lfh_use_host_name(const char *name);

/// lfh_unshare_mounts, but what is unmounted outside later is unmounted within, too, wherever the outside shares its mounts
/// (MS_SLAVE); nothing that is done within reaches the outside.
int lfh_unshare_mounts_following(void);

/// A descriptor of the calling thread's mount namespace.
int lfh_open_own_mounts(void);

/// Moves the calling thread alone into an open mount namespace, to its root (setns(2)).
int lfh_enter_mounts(int descriptor);

/// The same with the mount namespace at `path`.
int lfh_enter_mount_namespace(const char *path);

// Mounts

/// A new mount of a file system without a device; `options` may be NULL.
int lfh_mount(const char *type, const char *target, const char *options);

/// `target` shows what `source` is, without what is mounted below it.
int lfh_bind(const char *source, const char *target);

/// What is mounted at `source` is mounted at `target` instead, with all that is mounted below it.
int lfh_move(const char *source, const char *target);

/// What is mounted below `target` later is seen in no other mount namespace.
int lfh_make_private(const char *target);

/// umount2(2) with MNT_DETACH, without following a link.
int lfh_unmount(const char *target);

// Descriptors

/// An eventfd, non-blocking and closed on exec.
int lfh_event(void);

/// Adds one to an eventfd.
void lfh_signal_event(int event);

/// Waits until an eventfd is not zero, for so long at most; for ever where that is negative.
void lfh_wait_for_event(int event, int64_t nanoseconds);

/// A timerfd on CLOCK_BOOTTIME that is not set, non-blocking and closed on exec.
int lfh_timer(void);

/// Lets a timerfd become readable once, so many nanoseconds from now (0: at once); never where that is negative.
/// Wakes nobody, whatever it changes.
void lfh_set_timer(int timer, int64_t nanoseconds);

/// A pipe, both ends closed on exec; the end for reading does not block.
int lfh_pipe(int *reading, int *writing);

// Files

/// Flushes the file system that holds `descriptor` (syncfs(2)).
int lfh_sync_file_system(int descriptor);

/// flock(2), exclusive, without waiting.
int lfh_lock(int descriptor);

/// Gives the lock up, also for a child that was forked and has not reached its exec yet.
void lfh_unlock(int descriptor);

/// Copies the extended attribute `security.selinux` from one open file to another. 1: copied; 0: the source has
/// none, or its file system knows none.
int lfh_copy_security_context(int source, int destination);

/// Opens the directory `name` in `folder` for reading. Where `name` is a symbolic link it is followed only if root or
/// this process's user made it; else -ELOOP, with its maker in `*maker`.
int lfh_open_trusted_directory(const char *folder, const char *name, uid_t *maker);

/// open(2) with O_PATH and O_DIRECTORY: a descriptor that names a directory without reading it.
int lfh_open_directory_path(const char *path);

// The boot clock

/// CLOCK_BOOTTIME in nanoseconds.
int64_t lfh_boot_nanoseconds(void);

// Network links

/// Longest link-layer address (MAX_ADDR_LEN).
#define LFH_MAX_LINK_ADDRESS 32

/// A network interface as the kernel shows it to this thread's network namespace.
struct lfh_link {
  int index;
  unsigned int flags;
  uint16_t hardware_type;
  uint8_t address_length;
  uint8_t address[LFH_MAX_LINK_ADDRESS];
  uint8_t broadcast[LFH_MAX_LINK_ADDRESS];
};

/// IFF_UP
bool lfh_link_is_up(struct lfh_link link);
/// Whether neighbours on this link ask for link-layer addresses at all (neither IFF_NOARP nor IFF_LOOPBACK).
bool lfh_link_has_neighbours(struct lfh_link link);

/// The interface called `name`; -ENODEV where there is none.
int lfh_find_link(const char *name, struct lfh_link *link);

/// One address of an interface.
struct lfh_address {
  char interface[16];
  bool is_ipv6;
  uint8_t bytes[16];
  int prefix_length;
};

/// The addresses in this thread's network namespace, at most `capacity` of them; returns how many there are.
int lfh_addresses(struct lfh_address *addresses, int capacity);

/// Sends `payload` as one ARP frame to the broadcast address of `link`.
int lfh_broadcast_arp(const struct lfh_link *link, const uint8_t *payload, size_t length);

/// Sends `payload` as one ICMPv6 message from `source` to ff02::1 on `link`, hop limit 255 (RFC 4861, 7.1.2). The
/// kernel fills in the checksum.
int lfh_multicast_icmpv6(
    const struct lfh_link *link, const uint8_t source[16], const uint8_t *payload, size_t length);

/// Sends one datagram to a UNIX socket; a path that starts with '@' is an abstract name (sd_notify(3)).
int lfh_send_unix_datagram(const char *path, const uint8_t *payload, size_t length);

#endif
