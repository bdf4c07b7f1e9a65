# What roles and commands share. Needs /lab/settings and $name.
lab_bin=$lab_tools/usr/sbin

start_status_monitor() { # [name by which clients know this host]
    rpcbind -w
    rpc.statd --no-notify ${1:+-n "$1"}
}

end_grace() { # lockd's and nfsd's: new locks wait until both are over
    echo Y > /proc/fs/lockd/nlm_end_grace
    echo Y > /proc/fs/nfsd/v4_end_grace || true
}

wait_for() { # seconds, command...
    left=$(($1 * 5)); shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.2
    done
}
