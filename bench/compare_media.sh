#!/usr/bin/env bash
# Trunkline's relay beside rtpengine 10.5 in user space, on a loopback interface of their own.
#
#   bench/compare_media.sh [ARGUMENT…]        CPU per relayed packet beyond direct; generator and relays share one core
#   bench/compare_media.sh delay [ARGUMENT…]  the delay that relaying adds, at 25,000 packets/s; the relays have a core
#
# Under two minutes each. Arguments go to relay_load: --sessions, --rounds, --seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet -p trunkline-bench --no-default-features --bin relay_load --bin media_relay
load=$(realpath "${CARGO_TARGET_DIR:-target}/release/relay_load")

core=$(($(nproc) - 1))
if [ "${1:-}" = delay ]; then
    shift
    run=(taskset -c 0 "$load" --delay --sessions 250 --relay-core "$core")
else
    run=(taskset -c "$core" "$load")
fi
# Round-robin scheduling keeps other work on the machine out of the windows; without the privilege it goes without.
if chrt --rr 1 true 2>/dev/null; then run=(chrt --rr 1 "${run[@]}"); fi

ulimit -n "$(ulimit -Hn)"
namespace=(unshare --net --pid --fork --kill-child --mount-proc)
[ "$(id -u)" = 0 ] || namespace+=(--map-root-user)
if "${namespace[@]}" true 2>/dev/null; then
    exec "${namespace[@]}" bash -c 'ip link set lo up && exec "$@"' bash "${run[@]}" "$@"
fi
exec "${run[@]}" "$@"
