#include "CLinuxWatchdog.h"

#include <errno.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

void lfh_device_numbers(dev_t device, unsigned *major_number, unsigned *minor_number) {
  *major_number = major(device);
  *minor_number = minor(device);
}

int lfh_watchdog_needs_magic(int descriptor, bool *needs) {
  struct watchdog_info info;
  memset(&info, 0, sizeof info);
  if (ioctl(descriptor, WDIOC_GETSUPPORT, &info) < 0) return -errno;
  *needs = (info.options & WDIOF_MAGICCLOSE) != 0;
  return 0;
}

int lfh_watchdog_set_timeout(int descriptor, int *seconds) {
  return ioctl(descriptor, WDIOC_SETTIMEOUT, seconds) < 0 ? -errno : 0;
}

int lfh_watchdog_stop(int descriptor) {
  int options = WDIOS_DISABLECARD;
  return ioctl(descriptor, WDIOC_SETOPTIONS, &options) < 0 ? -errno : 0;
}
