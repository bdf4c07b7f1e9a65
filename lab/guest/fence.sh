#!/bin/sh
# The fence: asks the lab, from outside of the network, to cut the power of a node that had a service, and waits for its
# confirmation.
# Usage: fence.sh NODE SERVICE
request="/lab/fence/$1-$(hostname)-$$"
echo "$1 $2" > "$request.new" && mv "$request.new" "$request.request"
left=100
until [ -e "$request.done" ]; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "no confirmation that $1 is off"; exit 1; }
    sleep 0.2
done
echo "$1 is off"
