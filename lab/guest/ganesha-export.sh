#!/bin/sh
# Adds the export of SERVICE to NFS-Ganesha, or removes it, and its locks with it. The disk is mounted meanwhile.
# Usage: ganesha-export.sh add|remove SERVICE
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lab/settings
. "$lab_scripts/common.sh"
id=$(of_service "$2" 5)
call() {
    method=$1; shift
    dbus-send --system --print-reply --dest=org.ganesha.nfsd /org/ganesha/nfsd/ExportMgr \
        "org.ganesha.nfsd.exportmgr.$method" "$@"
}
has_it() { call DisplayExport "uint16:$id" > /dev/null 2>&1; }
case $1 in
add)
    ! has_it || exit 0
    cat > "/etc/ganesha/$2.conf" << END
EXPORT {
    Export_Id = $id;
    Path = /srv/$2;
    Pseudo = /srv/$2;
    Protocols = 3;
    Access_Type = RW;
    Squash = No_Root_Squash;
    FSAL {
        Name = VFS;
    }
}
END
    call AddExport "string:/etc/ganesha/$2.conf" "string:EXPORT(Export_Id=$id)" ;;
remove)
    ! has_it || call RemoveExport "uint16:$id" ;;
esac
