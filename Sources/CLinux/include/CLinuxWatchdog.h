// The kernel's watchdog devices (Documentation/watchdog/watchdog-api.rst). Every function returns 0 or a negative errno.
#ifndef LOCKFERRY_CLINUX_WATCHDOG_H
#define LOCKFERRY_CLINUX_WATCHDOG_H

#include <stdbool.h>
#include <sys/types.h>

/// The numbers of a device file (makedev(3)).
void lfh_device_numbers(dev_t device, unsigned *major_number, unsigned *minor_number);

/// Whether the device stops only when it is told so before its last holder closes it (WDIOF_MAGICCLOSE).
int lfh_watchdog_needs_magic(int descriptor, bool *needs);

/// Lets the device count anew, from `*seconds` down; `*seconds` becomes what it takes instead.
int lfh_watchdog_set_timeout(int descriptor, int *seconds);

/// Stops it.
int lfh_watchdog_stop(int descriptor);

#endif
