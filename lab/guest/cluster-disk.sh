# The service's disk as OCFS2, mounted on both servers from their start on. Its lock manager (o2cb) runs in the kernel; what
# tells it who belongs to the cluster is a folder of configfs.
modprobe ocfs2_stack_o2cb
modprobe ocfs2
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
cluster=/sys/kernel/config/cluster/lab
mkdir "$cluster"
# A node that says nothing is taken for dead after (n - 1) * 2 s; the others then go on without it, and it restarts when it
# finds that out. A cluster file system is its own fence by that. Here the node is to come back before.
echo 301 > "$cluster/heartbeat/dead_threshold"
echo 600000 > "$cluster/idle_timeout_ms"
number=0
for node in a b; do
    mkdir "$cluster/node/$node"
    echo 7777 > "$cluster/node/$node/ipv4_port"
    sed -n "s/ $node\.lab\.test .*//p" /etc/hosts > "$cluster/node/$node/ipv4_address"
    echo "$number" > "$cluster/node/$node/num"
    number=$((number + 1))
done
echo 1 > "$cluster/node/$name/local"
libraries=$(find "$lab_cluster_tools" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd :)
LD_LIBRARY_PATH=$libraries "$(find "$lab_cluster_tools" -name mount.ocfs2)" /dev/vdb /srv/home
