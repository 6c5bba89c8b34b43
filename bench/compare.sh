#!/usr/bin/env bash
# Trunkline beside Kamailio and rtpengine, in one run on one machine. Prints markdown.
#
#   bench/compare.sh              signalling, then media: some half an hour
#   bench/compare.sh signalling   CPU per 1,000 calls and memory per call, beside Kamailio as a stateful proxy
#   bench/compare.sh rate         the highest rate of either
#   bench/compare.sh media        loss, delay and CPU per relayed packet, beside rtpengine and the kernel: bench/relay.sh
#
# Signalling: stock `sipp -sn uac` → engine → stock `sipp -sn uas` over UDP on one loopback, no hold. Each round runs
# both engines, one after the other, freshly started; the figure is the median of the rounds' figures, the ratio the
# median of the rounds' ratios, so that a machine whose speed drifts moves both alike. CPU is user and system time of
# the engine's whole process tree. A Kamailio here is a *proxy*, which keeps no dialog and no media: it has less to do.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-3}
# More workers than cores let one message of a call overtake another, which a stock caller counts as a failed call.
kamailio_workers=${KAMAILIO_WORKERS:-$(nproc)}
rates=${RATES:-"100 1000"}
seconds_a_run=${SECONDS_A_RUN:-12}

main() {
    case ${1:-all} in
        all) isolated signalling && bench/relay.sh ;;
        signalling | rate) isolated "$1" ;;
        media) bench/relay.sh ;;
        inside) "inside_$2" ;;
        *) fail "no such part: $1" ;;
    esac
}

# In a network and process namespace of its own: the standard ports are free, and nothing survives the run.
isolated() {
    local command
    for command in sipp kamailio ip unshare; do
        command -v "$command" >/dev/null || fail "$command is missing (Debian: sip-tester kamailio iproute2 util-linux)"
    done
    cargo build --release --quiet --locked -p trunkline
    trunkline=$(realpath "${CARGO_TARGET_DIR:-target}/release/trunkline")
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    export trunkline scratch
    local unshare=(unshare --net --pid --fork --kill-child --mount-proc)
    [ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
    # A better priority keeps other work on the machine out of the runs; without the privilege it goes without.
    if nice -n -15 true 2>/dev/null; then unshare=(nice -n -15 "${unshare[@]}"); fi
    "${unshare[@]}" bash "$0" inside "$1"
}

inside_signalling() {
    ip link set lo up
    write_config
    echo "| load | Kamailio 5.6 | Trunkline | ratio |"
    echo "|---|---|---|---|"
    local rate round engine calls
    for rate in $rates; do
        calls=$((rate * seconds_a_run))
        for ((round = 0; round < rounds; round++)); do
            for engine in kamailio trunkline; do
                one_run "$engine" "$rate" "$calls" >>"$scratch/$engine.$rate"
            done
        done
        row "CPU seconds per 1,000 calls, $rate calls/s" "$rate" 1
        row "SIPp's retransmissions per 1,000 calls, $rate calls/s" "$rate" 2 | sed 's/[^|]*|$/ – |/'
        row "failed calls per 1,000, $rate calls/s" "$rate" 3 | sed 's/[^|]*|$/ – |/'
    done
    for ((round = 0; round < rounds; round++)); do
        for engine in kamailio trunkline; do
            memory_run "$engine" >>"$scratch/$engine.memory"
        done
    done
    row "memory per concurrent call, KiB" memory 1
}

inside_rate() {
    ip link set lo up
    write_config
    local engine rate best calls
    echo "| engine | highest rate with >= 99.9 % success and < 1 retransmission per 100 calls |"
    echo "|---|---|"
    for engine in kamailio trunkline; do
        best=none
        for rate in ${RATES_TRIED:-500 700 1000 1400 2000 2800}; do
            calls=$((rate * 8))
            # A run that overloads the engine is an answer here, not a fault.
            one_run "$engine" "$rate" "$calls" >"$scratch/try" 2>/dev/null || break
            awk '{ exit !($2 < 10 && $3 <= 1) }' "$scratch/try" || break
            best=$rate
        done
        echo "| $engine | $best calls/s |"
    done
}

# One run: CPU seconds, retransmissions and failed calls, each per 1,000 calls.
one_run() {
    local engine=$1 rate=$2 calls=$3 before after retransmissions failed
    start_engine "$engine"
    start_callee
    call 100 200 0
    before=$(cpu_ticks "$engine_pid")
    call "$rate" "$calls" 0
    after=$(cpu_ticks "$engine_pid")
    retransmissions=$(column 'Retransmissions(C)')
    failed=$((calls - $(column 'SuccessfulCall(C)')))
    stop "$callee_pid" "$engine_pid"
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v calls="$calls" -v repeated="$retransmissions" \
        -v failed="$failed" \
        'BEGIN { printf "%.4f %.2f %.2f\n", ticks / hz * 1000 / calls, repeated * 1000 / calls, failed * 1000 / calls }'
}

# The memory that 1,000 calls in conversation add, per call. Proportional set size: Kamailio's workers share theirs.
memory_run() {
    local engine=$1 calls=1000 before during caller
    start_engine "$engine"
    start_callee
    call 100 200 0
    before=$(memory_kib "$engine_pid")
    call 200 "$calls" 12000 &
    caller=$!
    # All calls are up after 5 s, none has ended before 12 s.
    sleep 8
    during=$(memory_kib "$engine_pid")
    wait "$caller"
    stop "$callee_pid" "$engine_pid"
    awk -v added=$((during - before)) -v calls="$calls" 'BEGIN { printf "%.1f\n", added / calls }'
}

start_engine() {
    if [ "$1" = kamailio ]; then
        kamailio -f bench/kamailio.cfg -DD -E -m 1024 -n "$kamailio_workers" -Y "$scratch" >"$scratch/engine.log" 2>&1 &
    else
        rm -rf "$scratch/state"
        "$trunkline" serve --config "$scratch/trunkline.toml" --state-dir "$scratch/state" >"$scratch/engine.log" 2>&1 &
    fi
    engine_pid=$!
    wait_for_socket 5060 "$engine_pid"
}

start_callee() {
    (cd "$scratch" && exec sipp -sn uas -i 127.0.0.1 -p 5070 -nostdin -buff_size 4194304 >/dev/null 2>&1) &
    callee_pid=$!
    wait_for_socket 5070 "$callee_pid"
}

# call RATE CALLS HOLD_MS. A stock caller waits for ever for an answer that was lost twice, hence the limit.
call() {
    local limit_s=$((2 * $2 / $1 + $3 / 1000 + 40))
    (cd "$scratch" && exec timeout "$limit_s" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.1 -p 5080 -nostdin \
        -buff_size 4194304 -r "$1" -m "$2" -l 20000 -d "$3" \
        -trace_stat -stf uac.csv -fd 1 >/dev/null 2>&1) || true
}

# A number of the last line that the caller counted.
column() {
    awk -F';' -v name="$1" 'NR == 1 { for (n = 1; n <= NF; n++) if ($n == name) column = n } END { print $column }' \
        "$scratch/uac.csv"
}

wait_for_socket() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        # shellcheck disable=SC2009 # the table of the kernel, not of processes
        if grep -q "$(printf ':%04X ' "$1")" /proc/net/udp; then return 0; fi
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    cat "$scratch/engine.log" >&2
    fail "nothing listens on port $1"
}

stop() {
    local pid
    for pid in "$@"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

tree() {
    local child
    echo "$1"
    while read -r child; do tree "$child"; done < <(cat /proc/"$1"/task/*/children | tr ' ' '\n' | sed '/^$/d')
}

# User and system time of a process, its threads and its descendants, ended ones too.
cpu_ticks() {
    local pid total=0 ticks
    for pid in $(tree "$1"); do
        # The second field, the name in brackets, may hold spaces.
        ticks=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 + $14 + $15 }')
        total=$((total + ticks))
    done
    echo "$total"
}

memory_kib() {
    local pid total=0
    for pid in $(tree "$1"); do
        total=$((total + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")))
    done
    echo "$total"
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

# row TITLE SUFFIX FIELD: medians, the ratio of each round, and their spread.
row() {
    local kamailio trunkline_median ratios ratio
    kamailio=$(awk -v f="$3" '{ print $f }' "$scratch/kamailio.$2" | median)
    trunkline_median=$(awk -v f="$3" '{ print $f }' "$scratch/trunkline.$2" | median)
    ratios=$(paste -d' ' <(awk -v f="$3" '{ print $f }' "$scratch/kamailio.$2") \
        <(awk -v f="$3" '{ print $f }' "$scratch/trunkline.$2") | awk '$1 > 0 { printf "%.2f\n", $2 / $1 }')
    ratio="–"
    [ -z "$ratios" ] || ratio="$(median <<<"$ratios") ($(sort -n <<<"$ratios" | head -1) to $(sort -n <<<"$ratios" | tail -1))"
    echo "| $1 | $kamailio | $trunkline_median | $ratio |"
}

write_config() {
    cat >"$scratch/trunkline.toml" <<'TOML'
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-59999"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 20000
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
TOML
}

fail() {
    echo "bench/compare.sh: $*" >&2
    exit 1
}

main "$@"
