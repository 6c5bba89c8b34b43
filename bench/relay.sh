#!/usr/bin/env bash
# Trunkline's relay beside rtpengine, a naive relay, and the kernel itself, in network namespaces of its own.
#
#   bench/relay.sh            everything at 100, 500, 1,000 and 3,000 streams, then the highest rate of one core: some 20 minutes
#   bench/relay.sh --quick    the same in small: under two minutes; shows that it runs, its figures say little
#
# Prints markdown and draws bench/relay.svg (--quick: none). Other arguments go to relay_load: --streams, --rounds, --seconds,
# --without, --no-capacity. Needs nft, ip and rtpengine (Debian: nftables iproute2 rtpengine-daemon); what is missing is named
# in the report. Nothing survives the run: namespaces and processes end with it, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/hosts.sh
source bench/hosts.sh

main() {
    case ${1:-} in
        inside) shift && inside "$@" ;;
        --quick)
            shift
            isolated --quick --streams 100,1000 --rounds 1 --seconds 0.5 "$@"
            ;;
        *) isolated --svg "$PWD/bench/relay.svg" "$@" ;;
    esac
}

# In a network, process and mount namespace of its own, which is the relay's host.
isolated() {
    cargo build --release --quiet --locked -p trunkline-bench --no-default-features \
        --bin relay_load --bin media_relay --bin naive_relay --bin epoll_relay
    load=$(realpath "${CARGO_TARGET_DIR:-target}/release/relay_load")
    export load
    ulimit -n "$(ulimit -Hn)"
    # What the kernel's threads for receiving cost is read from without, for within they are not to be seen.
    local thread descriptor softirqd=()
    for thread in $(pgrep -x 'ksoftirqd/[0-9]+' || true); do
        exec {descriptor}<"/proc/$thread/schedstat"
        softirqd+=("/proc/self/fd/$descriptor")
    done
    [ ${#softirqd[@]} -gt 0 ] || echo "ksoftirqd is not to be seen here, and not counted" >&2
    export softirqd_list="${softirqd[*]}"
    # Round-robin scheduling keeps other work on the machine out of the windows; without the privilege it goes without.
    if chrt --rr 1 true 2>/dev/null; then unshare=(chrt --rr 1 "${unshare[@]}"); fi
    echo "$(machine); rtpengine $(rtpengine --version 2>&1 | sed -n 's/^Version: //p')"
    exec "${unshare[@]}" bash "$0" inside "$@"
}

inside() {
    make_hosts
    # Relays have an address of their own each.
    local side relay
    for side in 1 2; do
        for relay in 1{0..9}; do ip address add "10.80.$side.$relay/24" dev "veth$side"; done
    done
    # Stateless NAT gives a packet a source of this host before it is routed.
    echo 1 >/proc/sys/net/ipv4/conf/all/accept_local
    # shellcheck disable=SC2086 # a list of paths without blanks
    "$load" --namespaces "/proc/$client/ns/net" "/proc/$server/ns/net" ${softirqd_list:+--softirqd $softirqd_list} "$@"
}

main "$@"
