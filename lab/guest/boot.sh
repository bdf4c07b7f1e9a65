#!/bin/sh
# Second program of every guest: names, mounts, network; starts what the guest's role asks for (roles are the other
# scripts here) and then runs the commands that the lab sends.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root
# The lab's settings: scripts, tools, modules, programs, service address and names.
. /lab/settings
word() { sed -n "s/.*lab\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
name=$(word name) role=$(word role) address=$(word address)
echo 4 > /proc/sys/kernel/printk
hostname "$name"

mount -t tmpfs -o mode=0755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
install -d -o _rpc /run/rpcbind
mkdir -p /usr/lib/modules
mount --bind "$lab_modules" /usr/lib/modules
modprobe virtio_net
modprobe virtio_blk
modprobe ext4

# The guest's own disk: what survives its power cut.
mkdir -p /disk
mount -t ext4 /dev/vda /disk
if [ ! -d /disk/nfs ]; then
    mkdir -p /disk/nfs/sm /disk/nfs/sm.bak /disk/nfs/v4recovery /disk/lockferry
    touch /disk/nfs/state /disk/nfs/etab /disk/nfs/rmtab
    chown statd /disk/nfs/sm /disk/nfs/sm.bak /disk/nfs/state
fi
mkdir -p /var/lib/nfs /var/lib/lockferry /etc/lockferry
mount --bind /disk/nfs /var/lib/nfs
mount --bind /disk/lockferry /var/lib/lockferry
cp "$lab_scripts/nfs.conf" /etc/nfs.conf
cp /lab/hosts /etc/hosts
cp "$lab_scripts/nsswitch.conf" /etc/nsswitch.conf
: > /etc/exports

ip link set lo up
ip link set eth0 up
ip address add "$address/24" dev eth0

export name role address
. "$lab_scripts/common.sh"
(. "$lab_scripts/$role.sh") > "/lab/$name/role.log" 2>&1
status=$?

# Each line that the lab writes to the second serial port is the number of a script; its output and exit status
# become files beside it. What is written before the port is open is lost.
exec 3< /dev/ttyS1
stty -F /dev/ttyS1 raw -echo
echo "$status" > "/lab/$name/started.new"
mv "/lab/$name/started.new" "/lab/$name/started"
while read -r number <&3; do
    (
        exec 3<&-
        /bin/sh "/lab/$name/command-$number" > "/lab/$name/output-$number" 2>&1 < /dev/null
        echo "$?" > "/lab/$name/status-$number.new"
        mv "/lab/$name/status-$number.new" "/lab/$name/status-$number"
    ) &
done
