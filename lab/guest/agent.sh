#!/bin/sh
# Starts what the guest's role asks for (roles are the other scripts here), then runs the commands that the lab sends. Needs
# $name and $role.
. /lab/settings
. "$lab_scripts/common.sh"
(. "$lab_scripts/${lab_role:-$role}.sh") > "/lab/$name/role.log" 2>&1
status=$?

# Each line that the lab writes to the second serial port is the number of a script; its output and exit status
# become files beside it. What is written before the port is open is lost.
exec 3< /dev/ttyS1
stty -F /dev/ttyS1 raw -echo
echo "$status" > "/lab/$name/started.new"
mv "/lab/$name/started.new" "/lab/$name/started"
while read -r number <&3; do
    (
        exec 3<&-
        /bin/sh "/lab/$name/command-$number" > "/lab/$name/output-$number" 2>&1 < /dev/null
        echo "$?" > "/lab/$name/status-$number.new"
        mv "/lab/$name/status-$number.new" "/lab/$name/status-$number"
    ) &
done
