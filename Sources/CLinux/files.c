#define _GNU_SOURCE
#include "CLinuxFiles.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int set_lock(int descriptor, short type, int64_t start, int64_t length) {
  // l_pid has to be 0 for locks of an open file description (fcntl(2)).
  struct flock range;
  memset(&range, 0, sizeof range);
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = start;
  range.l_len = length;
  while (fcntl(descriptor, F_OFD_SETLK, &range) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int lff_lock_range(int descriptor, bool exclusive, int64_t start, int64_t length) {
  return set_lock(descriptor, exclusive ? F_WRLCK : F_RDLCK, start, length);
}

int lff_unlock_range(int descriptor, int64_t start, int64_t length) {
  return set_lock(descriptor, F_UNLCK, start, length);
}

int lff_sync_file_system(int descriptor) { return syncfs(descriptor) == 0 ? 0 : errno; }

int lff_private_mounts(void) {
  if (unshare(CLONE_NEWNS | CLONE_FS) != 0) return errno;
  return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 : errno;
}
