#!/bin/sh
# storage.attach and storage.detach: the disk that both servers see and one of them mounts; or both, all the time, where
# it is a cluster file system (cluster-disk.sh).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
[ "$lab_shares_disk" = false ] || exec mountpoint /srv/home
case $1 in
attach)
    mountpoint -q /srv/home || mount -t ext4 /dev/vdb /srv/home
    [ -z "$lab_exports" ] || "$lab_tools/usr/sbin/exportfs" -a ;;
detach)
    ! mountpoint -q /srv/home || umount /srv/home ;;
esac
