// The least that any mirror does, for comparison: waits with inotify(7), and writes, syncs and renames each record that
// was closed in SOURCE into TARGET, on one thread. It compares nothing, guards nothing, hangs where the disk hangs.
//
// Usage: bare-mirror SOURCE TARGET. Ends by a signal, or with status 1 when anything fails.
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static void mirror(int source, int target, const char *name) {
  char record[65536];
  int file = openat(source, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) err(1, "open %s", name);
  ssize_t length = read(file, record, sizeof record);
  close(file);
  char draft[300];
  snprintf(draft, sizeof draft, ".%s.new", name);
  file = openat(target, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || length < 0 || write(file, record, length) != length || fsync(file) != 0 || close(file) != 0)
    err(1, "write %s", draft);
  if (renameat(target, draft, target, name) != 0 || fsync(target) != 0) err(1, "rename %s", draft);
}

int main(int count, char **arguments) {
  if (count != 3) errx(1, "usage: bare-mirror SOURCE TARGET");
  int source = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int target = open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int watch = inotify_init1(IN_CLOEXEC);
  if (source < 0 || target < 0 || watch < 0 || inotify_add_watch(watch, arguments[1], IN_CLOSE_WRITE) < 0)
    err(1, "watch %s", arguments[1]);
  char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
  for (;;) {
    ssize_t length = read(watch, events, sizeof events);
    if (length <= 0) err(1, "read");
    for (char *at = events; at < events + length;) {
      struct inotify_event *event = (struct inotify_event *)at;
      if (event->len > 0) mirror(source, target, event->name);
      at += sizeof *event + event->len;
    }
  }
}
