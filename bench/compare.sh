#!/usr/bin/env bash
# Trunkline beside its peers, in one run on one machine. Prints markdown.
#
#   bench/compare.sh                      signalling, then media: an hour
#   bench/compare.sh signalling           all of signalling, and draws bench/signalling.svg
#   bench/compare.sh cost register …      parts of signalling: cost, register, delay, memory, rate
#   bench/compare.sh media                loss, delay and CPU per relayed packet, beside rtpengine and the kernel: bench/relay.sh
#   bench/compare.sh --quick [PART…]      signalling in small, under three minutes: shows that it runs, its figures say little
#
# Signalling: SIPp → engine → SIPp over UDP on one loopback, beside Kamailio and, where they are installed, Asterisk,
# FreeSWITCH and rustpbx, whose configurations are written here; ASTERISK, FREESWITCH, RUSTPBX and KAMAILIO name other binaries,
# TRUNKLINE_PROFILE the profile to build with. Each round runs all engines, one after the other, freshly started; figures are
# medians of the rounds with the least and the greatest, multiples are taken in each round, so that a machine whose speed drifts
# moves all alike. CPU is user and system time of the engine's whole process tree. Kamailio is a *proxy*, which keeps no dialog
# and no media: it has less to do. ROUNDS, RATES, RATE_ROUNDS and SECONDS_A_RUN change what their names say; FIGURES names a
# directory for what each round measured. Nothing else survives the run.
# shellcheck disable=SC2034 # the parts, which are sourced, use what is set here
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/hosts.sh
source bench/hosts.sh
here=$PWD/bench/signalling

parts=(cost register delay memory rate)

main() {
    case ${1:-} in
        inside) shift && inside "$@" ;;
        "") isolated "${parts[@]}" && bench/relay.sh ;;
        media) bench/relay.sh ;;
        --quick)
            shift
            export ROUNDS=1 RATES=100 SECONDS_A_RUN=3 HOLD_SECONDS=2 DELAY_CALLS=30 MEMORY_STEPS=1000 RATE_ROUNDS=1 \
                RATE_MOST=500 SECONDS_A_TRY=2 SIGNALLING_SVG=/dev/null
            [ $# -gt 0 ] || set -- "${parts[@]}"
            isolated "$@"
            ;;
        signalling) isolated "${parts[@]}" ;;
        *) isolated "$@" ;;
    esac
}

# In network and process namespaces of its own: the standard ports are free, and nothing survives the run.
isolated() {
    local command part
    for part in "$@"; do
        [[ " ${parts[*]} " = *" $part "* ]] || fail "no such part: $part"
    done
    for command in sipp ip unshare; do
        command -v "$command" >/dev/null || fail "$command is missing (Debian: sip-tester iproute2 util-linux)"
    done
    local profile=${TRUNKLINE_PROFILE:-release}
    cargo build --profile "$profile" --quiet --locked -p trunkline-bench --no-default-features --bin setup_delay
    cargo build --profile "$profile" --quiet --locked -p trunkline
    trunkline=$(realpath "${CARGO_TARGET_DIR:-target}/$profile/trunkline")
    setup_delay=$(realpath "${CARGO_TARGET_DIR:-target}/$profile/setup_delay")
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    export trunkline setup_delay scratch
    ulimit -n "$(ulimit -Hn)"
    machine
    # A better priority keeps other work on the machine out of the runs; without the privilege it goes without.
    if nice -n -15 true 2>/dev/null; then unshare=(nice -n -15 "${unshare[@]}"); fi
    "${unshare[@]}" bash "$0" inside "$@"
}

inside() {
    rounds=${ROUNDS:-3}
    rates=${RATES:-"100 1000"}
    seconds=${SECONDS_A_RUN:-10}
    hold=${HOLD_SECONDS:-10}
    register_rate=${REGISTER_RATE:-1000}
    delay_calls=${DELAY_CALLS:-200}
    memory_steps=${MEMORY_STEPS:-"1000 5000 10000"}
    rate_rounds=${RATE_ROUNDS:-3}
    rate_most=${RATE_MOST:-20000}
    rate_precision=${RATE_PRECISION:-10}
    seconds_a_try=${SECONDS_A_TRY:-6}
    local file
    for file in engine load table "${parts[@]}"; do
        # shellcheck source=/dev/null # each of them is checked by itself
        source "$here/$file.sh"
    done
    ip link set lo up
    write_phones
    find_engines
    for part in "$@"; do
        "measure_$part"
    done
    [ -z "${FIGURES:-}" ] || cp "$scratch"/*.figures "$FIGURES"
    [ $# -lt ${#parts[@]} ] || plot "${SIGNALLING_SVG:-$PWD/bench/signalling.svg}"
}

calculate() {
    awk "BEGIN { print $1 }"
}

fail() {
    echo "bench/compare.sh: $*" >&2
    exit 1
}

main "$@"
