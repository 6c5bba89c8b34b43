#!/usr/bin/env bash
# How many instructions the computing part of the signalling takes, and how many allocations it makes, for each call,
# REGISTER, OPTIONS and call that is turned away, beside what is kept in bench/instructions.txt. Sockets, threads and clocks are not in it.
#
#   bench/instructions.sh          counts and compares; ends well whatever the figures are
#   bench/instructions.sh --keep   counts and keeps
#
# callgrind counts in one thread and in virtual time, so the figures do not depend on the load or the speed of the
# machine, only on the compiler: differences of a part of a percent come from the seeds of hash tables. Each scenario
# runs N and 2N times after as many to warm up; the difference is what N cost.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${TRUNKLINE_PROFILE:-ci}
kept=bench/instructions.txt
runs=(options:300 challenge:300 refresh:500 registration:300 call:200 refusal:500)

if ! command -v valgrind >/dev/null; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    { "${root[@]}" apt-get -qq update && "${root[@]}" apt-get -qq install -y --no-install-recommends valgrind; } >/dev/null 2>&1 \
        || { echo "bench/instructions.sh: valgrind is not here and cannot be installed: instructions are NOT counted"; exit 0; }
fi

# With a test, as tests/run.sh builds: so dependencies have the same features, and are there already.
cargo build --quiet --locked --profile "$profile" --workspace --features trunkline/opus --bin instructions --test allocations
target=${CARGO_TARGET_DIR:-target}
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT

# Instructions and calls of the allocator inside of the engine, of a whole run.
count() {
    valgrind --quiet --tool=callgrind --callgrind-out-file="$trace" \
        --toggle-collect='*xchange*receive*' --toggle-collect='*xchange*pass*' \
        "$target/$profile/instructions" "$1" "$2" >/dev/null
    # A function is named in full once and by its number after that; a call stands in two lines.
    awk '/^c?fn=/ { number = $1; sub(/^c?fn=/, "", number); if (NF > 1) name[number] = $2; called = number }
         /^calls=/ { sub(/calls=/, "", $1); if (name[called] ~ /^(malloc|calloc|realloc|posix_memalign|aligned_alloc)$/) all += $1 }
         /^totals:/ { instructions = $2 }
         END { print instructions, all + 0 }' "$trace"
}

counted() {
    local run scenario times once twice
    for run in "${runs[@]}"; do
        scenario=${run%:*} times=${run#*:}
        read -r -a once <<<"$(count "$scenario" $((2 * times)))"
        read -r -a twice <<<"$(count "$scenario" $((3 * times)))"
        echo "$scenario $(((twice[0] - once[0]) / times)) $(((twice[1] - once[1] + times / 2) / times))"
    done
}

now=$(counted)
if [ "${1:-}" = --keep ]; then
    {
        echo "# Instructions and allocations of one run of each scenario, by bench/instructions.sh --keep"
        echo "# ($(rustc --version | cut -d' ' -f1,2), profile $profile, $(uname -m))."
        echo "$now"
    } >"$kept"
fi
printf '%-14s %12s %12s %9s   %5s %5s\n' scenario kept instructions change kept allocations
while read -r scenario instructions allocations; do
    read -r before allocated <<<"$(awk -v scenario="$scenario" '$1 == scenario { print $2, $3 }' "$kept")"
    change=$(awk -v now="$instructions" -v before="${before:-0}" 'BEGIN { if (before) printf "%+.1f %%", 100 * (now / before - 1); else print "-" }')
    printf '%-14s %12s %12s %9s   %5s %5s\n' "$scenario" "${before:--}" "$instructions" "$change" "${allocated:--}" "$allocations"
done <<<"$now"
