#!/bin/sh
# Clients that no server knows yet, on one machine: each has an address, a network namespace with rpcbind, status monitor and
# lockd of its own, and a mount, so that its first lock makes a record of its own. They wait for `go`, then take their
# locks one after the other.
# Usage: new-clients.sh prepare COUNT | go
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
. /lab/settings
name=$(hostname)
. "$lab_scripts/common.sh"
case $1 in
prepare)
    modprobe macvlan
    number=0
    while [ "$number" -lt "$2" ]; do
        number=$((number + 1))
        ip netns add "new-$number"
        ip link add link eth0 name "new-$number" netns "new-$number" type macvlan mode bridge
        ip netns exec "new-$number" "$0" client "$number" > "/lab/$name/new-$number.err" 2>&1 < /dev/null &
    done
    while [ "$number" -gt 0 ]; do
        wait_for 240 [ -e "/tmp/new-$number.ready" ] || { cat "/lab/$name/new-$number.err"; exit 1; }
        number=$((number - 1))
    done ;;
go)
    : > /tmp/new-clients.go ;;
client)
    set -e
    # ip netns exec has given it mounts of its own.
    mount -t tmpfs -o mode=0755 run /run
    install -d -o _rpc /run/rpcbind
    mount -t tmpfs -o mode=0755 nfs /var/lib/nfs
    install -d -o statd /var/lib/nfs/sm /var/lib/nfs/sm.bak
    install -o statd /dev/null /var/lib/nfs/state
    ip link set lo up
    ip link set "new-$2" up
    ip address add "10.88.0.$((100 + $2))/24" dev "new-$2"
    start_status_monitor
    umount -i /mnt/home
    "$lab_scripts/mount-service.sh" home
    : > "/tmp/new-$2.ready"
    until [ -e /tmp/new-clients.go ]; do sleep 0.1; done
    sleep "$(($2 / 2)).$(($2 % 2 * 5))"
    exec "$lab_programs/lab-locks" keep "/lab/$name/new-$2.log" "new-$2:/mnt/home/new-$2.dat:w:0:0" ;;
esac
