#!/bin/sh
# storage.attach and storage.detach: the disk that both servers see and one of them mounts.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $1 in
attach)
    mountpoint -q /srv/home || mount -t ext4 /dev/vdb /srv/home ;;
detach)
    ! mountpoint -q /srv/home || umount /srv/home ;;
esac
