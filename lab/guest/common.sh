# What roles and commands share. Needs /lab/settings and $name.
lab_bin=$lab_tools/usr/sbin

start_status_monitor() { # [name by which clients know this host, where it is a server]
    rpcbind -w
    case $lab_status_monitor in
    lockferry)
        if [ -n "${1:-}" ]; then write_node_file; fi
        "$lab_programs/lockferry" statd >> "/lab/$name/statd.log" 2>&1 < /dev/null &
        wait_for 120 rpcinfo -T tcp 127.0.0.1 status > /dev/null 2>&1 ;;
    callout)
        # As installed: a path that statd's user may pass.
        if [ -n "${1:-}" ]; then install -m 0755 "$lab_programs/lockferry-callout" /usr/local/sbin/; fi
        rpc.statd --no-notify ${1:+-n "$1" -H /usr/local/sbin/lockferry-callout} ;;
    *)
        rpc.statd --no-notify ${1:+-n "$1"} ;;
    esac
}

write_node_file() { # of a server
    case $name in a) peer=b ;; *) peer=a ;; esac
    lease=24s self_fence=
    if [ "$lab_watchdog" = true ]; then
        # What the other beats demand: 1 + 2 * 8 + 5 s, and for the lease 8 s + twice that.
        lease=54s self_fence='self_fence: {watchdog: /dev/watchdog, timeout: 22s}'
    fi
    sed -e "s|@FENCE@|$lab_fence|g" -e "s|@RECOVERY@|$lab_recovery|g" -e "s|@NODE@|$name|g" \
        -e "s|@PEER@|$peer|g" -e "s|@SCRIPTS@|$lab_scripts|g" \
        -e "s|@NAME@|$lab_service_name|g" -e "s|@ADDRESS@|$lab_service_address|g" -e "s|@GRACE@|$lab_grace|g" \
        -e "s|@LEASE@|$lease|g" -e "s|@SELF_FENCE@|$self_fence|g" \
        "$lab_scripts/lockferry.yaml" > /etc/lockferry/lockferry.yaml
}

end_grace() { # lockd's and nfsd's: new locks wait until both are over. The machine's own, and an isolated service's
    end='echo Y > /proc/fs/lockd/nlm_end_grace; echo Y > /proc/fs/nfsd/v4_end_grace || true'
    sh -c "$end"
    in_service sh -c "$end"
}

in_service() { # command...: where the service's NFS server is
    if $lab_isolated && [ -e /run/netns/lockferry-home ]; then
        nsenter --net=/run/netns/lockferry-home --mount=/run/lockferry/isolated/home.mounts -- "$@"
    else
        "$@"
    fi
}

wait_for() { # seconds, command...
    read -r now rest < /proc/uptime
    deadline=$((${now%.*} + $1)); shift
    until "$@"; do
        read -r now rest < /proc/uptime
        [ "${now%.*}" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
