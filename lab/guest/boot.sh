#!/bin/sh
# Second program of every guest: names, mounts, network. Goes on with agent.sh, on servers that systemd runs with systemd.
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
ip address add "fd00:88::${address##*.}/64" dev eth0 nodad

export name role address
if $lab_systemd && [ "$role" = server ]; then exec /bin/sh "$lab_scripts/systemd.sh"; fi
exec /bin/sh "$lab_scripts/agent.sh"
