#!/bin/sh
# recovery.server and recovery.withdraw of SERVICE, on a server's one NFS server.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
. "$lab_scripts/common.sh"
case $1 in
recover)
    # A grace period begins only when lockd's last user has left and a new one comes: stop, then start.
    "$lab_bin/rpc.nfsd" 0
    "$lab_bin/exportfs" -o "rw,sync,insecure,no_root_squash,no_subtree_check,fsid=$(of_service "$2" 5)" "*:/srv/$2"
    "$lab_bin/rpc.nfsd" -G "$lab_grace" -L "$lab_grace" -V 3 -N 4 8 ;;
withdraw)
    "$lab_bin/exportfs" -u "*:/srv/$2" || true
    # Locks of this file system only; then the server forgets its open files, or it could not be unmounted.
    echo "/srv/$2" > /proc/fs/nfsd/unlock_filesystem
    "$lab_bin/exportfs" -f ;;
esac
