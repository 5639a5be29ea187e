#!/usr/bin/env bash
# The long forms of the proofs that docs/guarantees.md names. Each ends by itself and prints its figures.
#
#   tests/soak.sh                      all: chaos, cuts, foreign
#   tests/soak.sh chaos [ROUNDS] [SEED]  8 clients, 4 writing; kill -9, stop, SIGSTOP, disconnects; 200 rounds
#   tests/soak.sh cuts [EVERY]           each mutating method on each framing, cut after every byte, and sent again
#   tests/soak.sh foreign [TIMES]        how soon writes of other processes are noticed; 100 times
set -euo pipefail
cd "$(dirname "$0")/.."

# Bounded, whatever happens; building is not counted.
cargo bench -q -p stina-tests --bench soak --no-run
soak() { timeout "${SOAK_SECONDS:-1800}" cargo bench -q -p stina-tests --bench soak -- "$@"; }

case "${1:-all}" in
    all) soak chaos; soak cuts; soak foreign ;;
    chaos | cuts | foreign) soak "$@" ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \?//;p}' "$0" >&2; exit 2 ;;
esac
