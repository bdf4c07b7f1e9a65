# Starts lockferry with this node's file; also run by scenarios that killed it.
case $name in a) peer=b ;; *) peer=a ;; esac
sed -e "s|@FENCE@|$lab_fence|g" -e "s|@NODE@|$name|g" -e "s|@PEER@|$peer|g" -e "s|@SCRIPTS@|$lab_scripts|g" \
    -e "s|@NAME@|$lab_service_name|g" -e "s|@ADDRESS@|$lab_service_address|g" -e "s|@GRACE@|$lab_grace|g" \
    -e "s|@NOTIFY@|$lab_notify|g" \
    "$lab_scripts/lockferry.yaml" > /etc/lockferry/lockferry.yaml
if [ "$name" = a ] && [ ! -d /srv/lockferry/lockferry ]; then "$lab_programs/lockferry" init; fi
"$lab_programs/lockferry" run >> "/lab/$name/lockferry.log" 2>&1 < /dev/null &
echo "$!" > /run/lockferry.pid
