#!/usr/bin/env bash
# One stopped subscriber (SIGSTOP) on NDJSON and one on a WebSocket, and many changes by others: the daemon's memory
# grows by at most 2 MiB, the others' p99 stays within 10 % of that of a daemon without, and the stopped ones see every
# revision once and in order when they are continued.
#
#   tests/slow-subscriber.sh [CHANGES]     1,000,000 by default
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -r /proc/self/status ]; then
    echo "skipped: memory is read from Linux's /proc"
    exit 0
fi
cargo bench -q -p stina-tests --bench soak --no-run
timeout "${SOAK_SECONDS:-3600}" cargo bench -q -p stina-tests --bench soak -- slow "${1:-1000000}"
