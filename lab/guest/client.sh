# Role: an NFS client. It mounts when a scenario says so, with mount-service.sh.
set -e
modprobe nfs
modprobe nfsv3
modprobe nfsv4
start_status_monitor
