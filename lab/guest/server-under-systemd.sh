# Role: an NFS server that systemd has started (systemd.sh). Waits until it has.
runs() { for unit in nfs-server rpc-statd nfsdcld lockferry; do systemctl is-active --quiet "$unit" || return 1; done; }
wait_for 270 runs || {
    systemctl --no-pager list-jobs
    systemctl --no-pager list-units --all 'nfs*' 'rpc*' 'srv-*' 'lockferry*'
    journalctl --no-pager -b | tail -n 100
    exit 1
}
