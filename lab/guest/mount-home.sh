#!/bin/sh
# A client's mount of the service, as users do it: by its name, hard.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
mkdir -p /mnt/home
mountpoint -q /mnt/home || mount -t nfs -o vers=3,hard,timeo=10,retrans=2 "$lab_service_name:/srv/home" /mnt/home
