# The kernel's NFS server and what belongs to it, as server.sh starts it.
modprobe nfsd
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
