#!/usr/bin/env bash
# A full disk: writes answer `storage_full`, reads continue, writes continue once there is room, nothing acknowledged is lost,
# nothing is done twice, and the database is whole.
#
#   tests/disk-full.sh [MIB]               on a file system of that size in memory, 16 by default; needs root
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$(mktemp -d)
trap 'umount "$directory" 2>/dev/null || true; rmdir "$directory"' EXIT
if ! mount -t tmpfs -o "size=${1:-16}m,mode=0700" tmpfs "$directory" 2>/dev/null; then
    echo "skipped: a small file system can be mounted by root on Linux only"
    exit 0
fi
cargo bench -q -p stina-tests --bench soak --no-run
timeout "${SOAK_SECONDS:-600}" cargo bench -q -p stina-tests --bench soak -- disk-full "$directory"
