#!/bin/sh
# The comparison: what a careful administrator does with nfs-utils alone. A copy of sm/ in the shared folder every few
# seconds; at the failover the copy goes into the other server's sm/, its services restart, and sm-notify tells everybody.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
. "$lab_scripts/common.sh"
set -e
copy=/srv/lockferry/sm
case $1 in
copy-forever)
    mkdir -p "$copy"
    while sleep 5; do cp -a /var/lib/nfs/sm/. "$copy/" || true; done ;;
open)
    "$lab_scripts/storage.sh" attach home
    "$lab_scripts/nfs-server.sh" recover home
    ip address add "$lab_service_address/24" dev eth0
    "$lab_scripts/by-hand.sh" copy-forever > /dev/null 2>&1 < /dev/null &
    echo "$!" > /run/copy.pid ;;
take)
    "$lab_scripts/storage.sh" attach home
    cp -a "$copy/." /var/lib/nfs/sm/
    chown statd /var/lib/nfs/sm/*
    # statd reads its records when it starts.
    kill "$(cat /run/rpc.statd.pid)"
    rpc.statd --no-notify -n "$lab_service_name"
    "$lab_scripts/nfs-server.sh" recover home
    ip address add "$lab_service_address/24" dev eth0
    "$(ls "$lab_tools"/bin/busybox "$lab_tools"/usr/bin/busybox 2> /dev/null | head -n 1)" \
        arping -q -A -c 2 -I eth0 "$lab_service_address"
    sm-notify -f -v "$lab_service_name"
    "$lab_scripts/by-hand.sh" copy-forever > /dev/null 2>&1 < /dev/null &
    echo "$!" > /run/copy.pid ;;
leave)
    kill "$(cat /run/copy.pid)"
    ip address del "$lab_service_address/24" dev eth0
    cp -a /var/lib/nfs/sm/. "$copy/"
    "$lab_scripts/nfs-server.sh" withdraw home
    "$lab_scripts/storage.sh" detach home ;;
esac
