# Role: an NFS server with lockferry beside it, as a machine without systemd would start them.
set -e
modprobe nfsd
modprobe nfs
modprobe nfsv4
! $lab_isolated || modprobe macvlan
sysctl -q -w fs.nfs.nlm_timeout=5 fs.nfs.nlm_grace_period="$lab_grace"
mount -t nfsd nfsd /proc/fs/nfsd
# As Debian does. It knows of no NFSv4 client, so that nfsd skips the grace period of NFSv4, which would else stand in for
# lockd's.
mkdir -p /run/rpc_pipefs /var/lib/nfs/nfsdcld
mount -t rpc_pipefs sunrpc /run/rpc_pipefs
"$lab_bin/nfsdcld" -p /run/rpc_pipefs
write_exports
start_status_monitor "$lab_service_name"
"$lab_bin/rpc.mountd" --port 20048
"$lab_bin/rpc.nfsd" -G "$lab_grace" -L "$lab_grace" -V 3 -N 4 8
mkdir -p /srv/lockferry
for each in $(service_names); do mkdir -p "/srv/$each"; done
wait_for 240 mount -t nfs4 -o vers=4.2,noac,lookupcache=none,hard,timeo=20,retrans=2 "$lab_store:/" /srv/lockferry
[ "$lab_watchdog" = false ] || modprobe softdog
[ "$lab_shares_disk" = false ] || . "$lab_scripts/cluster-disk.sh"
[ "$lab_by_hand" = true ] || . "$lab_scripts/start-lockferry.sh"
