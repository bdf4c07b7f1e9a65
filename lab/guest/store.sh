# Role: the third machine, which both NFS servers mount their shared store from, by NFSv4. Its power is never cut.
set -e
mkdir -p /disk/store
modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
rpcbind -w
"$lab_bin/exportfs" -o rw,sync,no_root_squash,no_subtree_check,fsid=0 '*:/disk/store'
"$lab_bin/rpc.mountd"
# A server that lost its power in the middle of a transaction holds the store's lock until its lease ends.
echo 10 > /proc/fs/nfsd/nfsv4leasetime
echo 10 > /proc/fs/nfsd/nfsv4gracetime
"$lab_bin/rpc.nfsd" -V 3 -V 4 4
# Nobody has a lock to reclaim here. lockd's grace period, 50 s by default, would keep NFSv4 locks waiting, too.
end_grace
