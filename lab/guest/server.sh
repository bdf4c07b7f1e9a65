# Role: an NFS server with lockferry beside it, as a machine without systemd would start them.
set -e
modprobe nfs
modprobe nfsv4
start_nfs=$lab_scripts/kernel-server.sh
[ -z "$lab_ganesha" ] || start_nfs=$lab_scripts/ganesha.sh
. "$start_nfs"
mkdir -p /srv/lockferry
for each in $(service_names); do mkdir -p "/srv/$each"; done
wait_for 240 mount -t nfs4 -o vers=4.2,noac,lookupcache=none,hard,timeo=20,retrans=2 "$lab_store:/" /srv/lockferry
[ "$lab_watchdog" = false ] || modprobe softdog
[ "$lab_shares_disk" = false ] || . "$lab_scripts/cluster-disk.sh"
[ "$lab_by_hand" = true ] || . "$lab_scripts/start-lockferry.sh"
