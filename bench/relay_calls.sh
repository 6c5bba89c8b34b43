#!/usr/bin/env bash
# Live calls with audio through signalling and relay together, beside the same calls routed by the kernel without Trunkline.
#
#   bench/relay_calls.sh            400 calls at once three times each way, then as many as each way carries: some 12 minutes
#   bench/relay_calls.sh --quick    20 short calls each way once: under a minute; shows that it runs
#
# SIPp (bench/sipp) calls from one network namespace to SIPp in another; each side says audio of its own, 50 packets a second,
# from its own port. A call says all of it before it hangs up, so every packet of a side has to arrive at the other: what left
# either host and what arrived is counted there by nftables. Prints markdown. Needs sipp, nft and ip (Debian: sip-tester
# nftables iproute2). TRUNKLINE_PROFILE: the profile to build with. Nothing survives the run.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/hosts.sh
source bench/hosts.sh

ways=("kernel routing" "Trunkline, in the kernel" "Trunkline, user space")
calls=${CALLS:-400}
rounds=${ROUNDS:-3}
seconds=${SECONDS_OF_AUDIO:-20}
steps=${STEPS:-"800 1200 1600 2000"}
profile=${TRUNKLINE_PROFILE:-release}

main() {
    case ${1:-} in
        inside) inside ;;
        --quick)
            export CALLS=20 ROUNDS=1 SECONDS_OF_AUDIO=3 STEPS=" "
            isolated
            ;;
        *) isolated ;;
    esac
}

isolated() {
    local command
    for command in sipp nft ip nsenter; do
        command -v "$command" >/dev/null || fail "$command is missing (Debian: sip-tester nftables iproute2 util-linux)"
    done
    cargo build --profile "$profile" --quiet --locked -p trunkline
    trunkline=$(realpath "${CARGO_TARGET_DIR:-target}/$profile/trunkline")
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    export trunkline scratch
    ulimit -n "$(ulimit -Hn)"
    machine
    # A better priority keeps other work on the machine out of the runs; without the privilege it goes without.
    if nice -n -15 true 2>/dev/null; then unshare=(nice -n -15 "${unshare[@]}"); fi
    "${unshare[@]}" bash "$0" inside
}

inside() {
    make_hosts
    cp bench/sipp/*.xml "$scratch"
    # 0xd5 is silence in A-law and a quiet tone in µ-law; nobody listens.
    head -c $((8000 * seconds)) /dev/zero | tr '\0' '\325' >"$scratch/audio.raw"
    count_audio "$client"
    count_audio "$server"
    echo
    echo "| through | calls at once | calls failed | packets of audio | lost | foreign / unheard / not fetched in time / not sent / to a closed port / dropped on a link | forwarded in the kernel, % | CPU s of Trunkline |"
    echo "|---|---|---|---|---|---|---|---|"
    local round way step
    for ((round = 0; round < rounds; round++)); do
        for way in "${ways[@]}"; do run "$way" "$calls" || true; done
    done
    for way in "${ways[@]}"; do
        for step in $steps; do run "$way" "$step" || break; done
    done
}

# run WAY CALLS: one row. False when a call failed or a packet was lost.
run() {
    local way=$1 at_once=$2 to=10.80.1.1:5060 trunkline_pid="" cpu=– dropped=– offloaded=– failed sent lost
    case $way in
        "kernel routing") to=10.80.2.2:5070 ;;
        "Trunkline, in the kernel") start_trunkline require ;;
        "Trunkline, user space") start_trunkline off ;;
    esac
    if [ "$trunkline_pid" = missing ]; then
        echo "| $way | not measured: $(tail -n 1 "$scratch/trunkline.log" | tr '|' ' ') | | | | | | |"
        return 1
    fi
    on "$client" nft reset counters >/dev/null
    on "$server" nft reset counters >/dev/null
    local closed on_links
    closed=$(to_closed_ports)
    on_links=$(dropped_on_links)
    local limit=$((seconds + 60)) common=(-nostdin -rtp_threadtasks 100 -m "$at_once" -buff_size 4194304 -trace_err)
    (cd "$scratch" && on "$server" timeout "$limit" sipp -sf callee.xml -i 10.80.2.2 -mi 10.80.2.2 -p 5070 -mp 20000 \
        "${common[@]}" >callee.log 2>&1) &
    local callee=$!
    until on "$server" grep -q "$(printf ':%04X ' 5070)" /proc/net/udp; do sleep 0.1; done
    (cd "$scratch" && on "$client" timeout "$limit" sipp -sf caller.xml "$to" -i 10.80.1.2 -mi 10.80.1.2 -p 5080 -mp 20000 \
        "${common[@]}" -l "$at_once" -r $((at_once / 10)) -d $((seconds * 1000 + 1500)) \
        -trace_stat -stf caller.csv -fd 1 >caller.log 2>&1) || true
    # A callee that saw fewer calls than the caller made waits for the rest.
    (sleep 3 && kill "$callee" 2>/dev/null) &
    wait "$callee" 2>/dev/null || true
    failed=$((at_once - $(column 'SuccessfulCall(C)')))
    sent=$(($(counted "$client" out) + $(counted "$server" out)))
    lost=$((sent - $(counted "$client" in) - $(counted "$server" in)))
    if [ -n "$trunkline_pid" ]; then
        cpu=$(awk '{ total += $1 } END { printf "%.1f", total / 1e9 }' /proc/"$trunkline_pid"/task/*/schedstat)
        curl --silent --max-time 5 http://127.0.0.1:8080/metrics >"$scratch/metrics" || true
        dropped="$(metric packets_foreign) / $(metric packets_unheard) / $(metric kernel_dropped) / $(metric send_failed)"
        dropped+=" / $(($(to_closed_ports) - closed)) / $(($(dropped_on_links) - on_links))"
        offloaded=$(awk -v kernel="$(metric kernel_packets)" -v all="$(metric packets_received)" \
            'BEGIN { print (all > 0 ? int(1000 * kernel / all) / 10 : "–") }')
        kill "$trunkline_pid"
        wait "$trunkline_pid" 2>/dev/null || true
    fi
    echo "| $way | $at_once | $failed | $sent | $lost | $dropped | $offloaded | $cpu |"
    [ "$failed" = 0 ] && [ "$lost" = 0 ]
}

# Sets trunkline_pid, to "missing" where it refuses to start.
start_trunkline() {
    rm -rf "$scratch/state"
    cat >"$scratch/trunkline.toml" <<TOML
[sip]
listen = ["udp:10.80.1.1:5060", "udp:10.80.2.1:5060"]
[media]
listen = "0.0.0.0"
ports = "20000-59999"
kernel = "$1"
[[trunk]]
name = "callee"
peer = "udp:10.80.2.2:5070"
allow_from = ["10.80.2.2/32"]
max_calls = 20000
[[trunk]]
name = "caller"
peer = "udp:10.80.1.2:5080"
allow_from = ["10.80.1.2/32"]
max_calls = 20000
[[route]]
from = "any"
match = ".*"
to = "trunk:callee"
TOML
    "$trunkline" serve --config "$scratch/trunkline.toml" --state-dir "$scratch/state" >"$scratch/trunkline.log" 2>&1 &
    trunkline_pid=$!
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if grep -qx ready "$scratch/trunkline.log"; then return; fi
        kill -0 "$trunkline_pid" 2>/dev/null || break
        sleep 0.1
    done
    trunkline_pid=missing
}

# Counts RTP as it leaves and as it arrives: even ports, above those of signalling.
count_audio() {
    local audio='udp sport >= 10000 udp dport >= 10000 udp dport & 1 == 0'
    on "$1" nft -f - <<NFT
table ip audio {
    counter out { }
    counter in { }
    chain leaving { type filter hook output priority filter; $audio counter name out
    }
    chain arriving { type filter hook input priority filter; $audio counter name in
    }
}
NFT
}

counted() {
    on "$1" nft list counter ip audio "$2" | awk '$1 == "packets" { print $2 }'
}

# Datagrams that met no socket of this host: who spoke on after his call was over.
to_closed_ports() {
    awk '$1 == "Udp:" { ports = $3 } END { print ports }' /proc/net/snmp
}

# What the three hosts dropped on their interfaces, before any socket.
dropped_on_links() {
    local host
    for host in self "$client" "$server"; do
        if [ "$host" = self ]; then cat /proc/net/dev; else on "$host" cat /proc/net/dev; fi
    done | awk -F: 'NF == 2 { split($2, field, " "); total += field[4] + field[12] } END { print total }'
}

# A counter of Trunkline's media.
metric() {
    awk -v name="trunkline_media_$1_total" '$1 == name { print $2 }' "$scratch/metrics"
}

# A number of the last line that the caller counted.
column() {
    awk -F';' -v name="$1" 'NR == 1 { for (n = 1; n <= NF; n++) if ($n == name) column = n } END { print $column }' \
        "$scratch/caller.csv"
}

fail() {
    echo "bench/relay_calls.sh: $*" >&2
    exit 1
}

main "$@"
