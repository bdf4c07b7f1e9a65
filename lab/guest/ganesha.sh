# NFS-Ganesha in the place of the kernel's NFS server, as server.sh starts it, with the system message bus by which it is
# asked. Exports come and go with their disks (ganesha-export.sh). The status monitor is there first: Ganesha has it forget every
# client when it starts.
start_status_monitor "$lab_service_name"
mkdir -p /run/dbus/system.d /run/ganesha /var/lib/nfs/ganesha /etc/ganesha
cp "$lab_ganesha"/etc/dbus-1/system.d/*.conf /run/dbus/system.d/
dbus-daemon --config-file="$lab_scripts/message-bus.conf"
plugin=$(find "$lab_ganesha/usr/lib" -name libfsalvfs.so)
cat > /etc/ganesha/ganesha.conf << END
NFS_CORE_PARAM {
    Protocols = 3;
    MNT_Port = 20048;
    Enable_RQUOTA = false;
    Plugins_Dir = "${plugin%/*}";
}
NFSV4 {
    Grace_Period = $lab_grace;
}
END
LD_LIBRARY_PATH=$(find "$lab_ganesha" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :) \
    "$lab_ganesha/usr/bin/ganesha.nfsd" -L "/lab/$name/ganesha.log" -f /etc/ganesha/ganesha.conf -p /run/ganesha.pid
wait_for 120 rpcinfo -T tcp 127.0.0.1 nlockmgr > /dev/null 2>&1
