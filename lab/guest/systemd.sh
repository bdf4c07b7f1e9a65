# Makes systemd the first program of a server, with Debian's own units for its NFS server, and lockferry's own. Of everything
# else that the lab machine would start at its boot nothing is started: an emulated machine would take minutes.
. /lab/settings
. "$lab_scripts/common.sh"
modprobe nfsd
modprobe nfs
modprobe nfsv4
! $lab_isolated || modprobe macvlan
sysctl -q -w fs.nfs.nlm_timeout=5 fs.nfs.nlm_grace_period="$lab_grace"
mkdir -p /srv/lockferry
for each in $(service_names); do mkdir -p "/srv/$each"; done
write_exports
# As Debian's nfs.conf says; rpc-pipefs-generator(8) reads it.
printf '[general]\npipefs-directory=/run/rpc_pipefs\n' >> /etc/nfs.conf
write_node_file
echo "$name" > /etc/hostname
[ -s /etc/machine-id ] || echo 00000000000000000000000000000001 > /etc/machine-id

# As if the packages were installed: programs where their units look for them.
for program in rpc.nfsd exportfs rpc.mountd nfsdcld; do ln -sf "$lab_bin/$program" "/usr/sbin/$program"; done
ln -sf "$lab_programs/lockferry" /usr/local/sbin/lockferry
rm -rf /etc/systemd/system/* /lib/systemd/system/*.wants
for generator in /lib/systemd/system-generators/*; do
    case $generator in */rpc-pipefs-generator) ;; *) rm -f "$generator" ;; esac
done
cp "$(dirname "$(find "$lab_tools" -name nfs-server.service)")"/*.service /etc/systemd/system/
cp "$lab_scripts/../../packaging/lockferry.service" /etc/systemd/system/

unit() { # name: its text is read
    mkdir -p "$(dirname "/etc/systemd/system/$1")"
    cat > "/etc/systemd/system/$1"
}
unit lab.target << END
[Unit]
Requires=basic.target
After=basic.target
Wants=systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service rpcbind.socket
Wants=rpc-statd.service nfs-server.service lockferry.service lab-agent.service
END
unit lab-agent.service << END
[Service]
Environment=name=$name role=$role lab_role=server-under-systemd
ExecStart=/bin/sh $lab_scripts/agent.sh
END
unit srv-lockferry.mount << END
[Unit]
Wants=network-online.target
After=network-online.target
[Mount]
What=$lab_store:/
Where=/srv/lockferry
Type=nfs4
Options=vers=4.2,noac,lookupcache=none,hard,timeo=20,retrans=2,retry=4
TimeoutSec=240s
END
mkdir /etc/systemd/system/remote-fs.target.wants
ln -s ../srv-lockferry.mount /etc/systemd/system/remote-fs.target.wants/
# The name by which clients know this server.
unit rpc-statd.service.d/lab.conf << END
[Service]
ExecStart=
ExecStart=/sbin/rpc.statd -n $lab_service_name
END
unit lockferry.service.d/lab.conf << END
[Unit]
Wants=remote-fs.target
[Service]
ExecStartPre=/bin/sh -c '[ $name = b ] || [ -d /srv/lockferry/lockferry ] || exec /usr/local/sbin/lockferry init'
StandardOutput=append:/lab/$name/lockferry.log
StandardError=inherit
END
mkdir /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment="LD_LIBRARY_PATH=%s"\n' "$LD_LIBRARY_PATH" > /etc/systemd/system.conf.d/lab.conf
exec env -u LD_LIBRARY_PATH /lib/systemd/systemd --unit=lab.target --show-status=0 --log-target=console --log-level=notice
