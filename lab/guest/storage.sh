#!/bin/sh
# storage.attach and storage.detach SERVICE: its disk, which both servers see and one of them mounts; or both, all the time,
# where it is a cluster file system (cluster-disk.sh).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
. "$lab_scripts/common.sh"
[ "$lab_shares_disk" = false ] || exec mountpoint "/srv/$2"
case $1 in
attach)
    mountpoint -q "/srv/$2" || mount -t ext4 "$(of_service "$2" 4)" "/srv/$2"
    # It fails as well where the disk of another service is not here.
    [ "$lab_exports" = false ] || "$lab_bin/exportfs" -a || "$lab_bin/exportfs" -s | grep -q "^/srv/$2 "
    [ -z "$lab_ganesha" ] || "$lab_scripts/ganesha-export.sh" add "$2" ;;
detach)
    ! mountpoint -q "/srv/$2" || umount "/srv/$2" ;;
esac
