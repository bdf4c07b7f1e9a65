# Starts lockferry with this node's file; also run by scenarios that killed it.
write_node_file
if [ "$name" = a ] && [ ! -d /srv/lockferry/lockferry ]; then "$lab_programs/lockferry" init; fi
# Where rpc.nfsd and its like are unpacked: an isolated service has its own.
PATH=$lab_bin:$PATH "$lab_programs/lockferry" run >> "/lab/$name/lockferry.log" 2>&1 < /dev/null &
echo "$!" > /run/lockferry.pid
