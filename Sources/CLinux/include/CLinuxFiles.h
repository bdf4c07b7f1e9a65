// What SharedStore needs of Linux and the Glibc module does not show to Swift: GNU extensions.
// Every function returns 0 or a positive errno value.
#ifndef LOCKFERRY_CLINUX_FILES_H
#define LOCKFERRY_CLINUX_FILES_H

#include <stdbool.h>
#include <stdint.h>

/// Tries to lock `length` bytes from `start` of the open file description behind `descriptor`
/// (fcntl F_OFD_SETLK), at once: EAGAIN or EACCES where another description holds it.
int lff_lock_range(int descriptor, bool exclusive, int64_t start, int64_t length);

/// Gives back `length` bytes from `start`.
int lff_unlock_range(int descriptor, int64_t start, int64_t length);

/// Writes back all of the file system that holds `descriptor` (syncfs(2)).
int lff_sync_file_system(int descriptor);

/// Leaves the mounts of the process behind for the calling thread (unshare(2) with CLONE_NEWNS), and keeps
/// what this thread mounts from reaching the others. Threads that it starts later share its mounts.
int lff_private_mounts(void);

#endif
