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
        if [ -n "${1:-}" ]; then rpc.statd --no-notify -n "$1"; else start_client_statd; fi ;;
    esac
}

start_client_statd() { # it writes down by which names it is told, which it does in the foreground alone
    grep -q debug=call /etc/nfs.conf || printf '[statd]\ndebug=call\n' >> /etc/nfs.conf
    rpc.statd --no-notify -F -d >> "/lab/$name/statd.log" 2>&1 < /dev/null &
    wait_for 120 rpcinfo -T tcp 127.0.0.1 status > /dev/null 2>&1
}

of_service() { # name, number of the word: 2 host name, 3 address with prefix length, 4 disk, 5 number of the file system
    echo "$lab_services" | awk -v name="$1" -v word="$2" '$1 == name { print $word }'
}

service_names() { echo "$lab_services" | awk '{ print $1 }'; }

write_exports() { # of what lockferry restarts itself: as an administrator does it; what it runs by a command exports for itself
    [ "$lab_exports" = true ] || return 0
    for each in $(service_names); do
        echo "/srv/$each *(rw,sync,insecure,no_root_squash,no_subtree_check,fsid=$(of_service "$each" 5),mountpoint)"
    done > /etc/exports
}

write_node_file() { # of a server
    case $name in a) peer=b ;; *) peer=a ;; esac
    lease=24s self_fence=
    if [ "$lab_watchdog" = true ]; then
        # What the other beats demand: 1 + 2 * 8 + 5 s, and for the lease 8 s + twice that.
        lease=54s self_fence='self_fence: {watchdog: /dev/watchdog, timeout: 22s}'
    fi
    sed -e "s|@NODE@|$name|g" -e "s|@GRACE@|$lab_grace|g" -e "s|@LEASE@|$lease|g" \
        -e "s|@SELF_FENCE@|$self_fence|g" "$lab_scripts/lockferry.yaml" > /etc/lockferry/lockferry.yaml
    echo "$lab_services" | while read -r service host address disk number; do
        sed -e "s|@FENCE@|$lab_fence|g" -e "s|@RECOVERY@|$lab_recovery|g" -e "s|@PEER@|$peer|g" \
            -e "s|@SCRIPTS@|$lab_scripts|g" -e "s|@SERVICE@|$service|g" -e "s|@NAME@|$host|g" \
            -e "s|@ADDRESS@|$address|g" -e "s|@FSID@|$number|g" "$lab_scripts/service.yaml"
    done >> /etc/lockferry/lockferry.yaml
}

serves_by_ganesha() { [ -e /run/ganesha.pid ]; }

grace_is_over() { # of the NFS server of $service, or of home: Y or N
    if serves_by_ganesha; then
        dbus-send --system --print-reply --dest=org.ganesha.nfsd /org/ganesha/nfsd/admin \
            org.ganesha.nfsd.admin.get_grace | awk '$1 == "boolean" { print $2 == "false" ? "Y" : "N"; exit }'
    else
        in_service cat /proc/fs/lockd/nlm_end_grace | tr -d '\0\n'
    fi
}

end_grace() { # lockd's and nfsd's: new locks wait until both are over. The machine's own, and every isolated service's
    # Nobody can end Ganesha's before its time.
    if serves_by_ganesha; then wait_for $((2 * lab_grace)) eval '[ "$(grace_is_over)" = Y ]'; return; fi
    end='echo Y > /proc/fs/lockd/nlm_end_grace; echo Y > /proc/fs/nfsd/v4_end_grace || true'
    sh -c "$end"
    for each in $(service_names); do
        [ ! -e "/run/netns/lockferry-$each" ] || (service=$each; in_service sh -c "$end")
    done
}

in_service() { # command...: where the NFS server of $service is, or of home
    if $lab_isolated && [ -e "/run/netns/lockferry-${service:-home}" ]; then
        nsenter --net="/run/netns/lockferry-${service:-home}" \
            --mount="/run/lockferry/isolated/${service:-home}.mounts" -- "$@"
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
