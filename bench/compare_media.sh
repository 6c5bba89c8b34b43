#!/usr/bin/env bash
# CPU per relayed packet beyond direct: Trunkline beside rtpengine 10.5 in user space, on the loopback interface.
# Generator, relay and rtpengine share one core (the last); under two minutes. Arguments go to relay_load.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet -p trunkline-bench --no-default-features --bin relay_load --bin media_relay
target=${CARGO_TARGET_DIR:-target}/release

ulimit -n "$(ulimit -Hn)"
core=$(($(nproc) - 1))
run=(taskset -c "$core")
# A better priority keeps other work on the machine out of the windows; without the privilege it goes without.
if nice -n -15 true 2>/dev/null; then run=(nice -n -15 "${run[@]}"); fi
"${run[@]}" "$target/relay_load" "$@"
