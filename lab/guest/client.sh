# Role: an NFS client. It mounts when a scenario says so, with mount-service.sh.
set -e
modprobe nfs
modprobe nfsv3
start_status_monitor
