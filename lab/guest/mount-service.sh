#!/bin/sh
# A client's mount of SERVICE, as users do it: by its host name, hard.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
. "$lab_scripts/common.sh"
mkdir -p "/mnt/$1"
mountpoint -q "/mnt/$1" ||
    mount -t nfs -o vers=3,hard,timeo=10,retrans=2 "$(of_service "$1" 2):/srv/$1" "/mnt/$1"
