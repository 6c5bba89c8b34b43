#!/usr/bin/env bash
# Runs that are too long for tests/run.sh. Each ends with nothing left: no call, dialog, transaction, port or descriptor.
#
#   tests/soak.sh floods                        attack cases 24 to 27 at full rates, a minute each: about ten minutes
#   tests/soak.sh calls 3600 300 [HOLD_MS]      an hour of authenticated calls, 300 a second, each up for 3 s
#   tests/soak.sh calls 3400 300 0              a million calls
#   tests/soak.sh overload                      twice the load that the daemon can carry
#   tests/soak.sh long [CALLS]                  calls in virtual time: ten million in thirty days, memory printed
#   tests/soak.sh lamps                         200 phones watch 200 lines each under 20 calls a second, by UDP
#   tests/soak.sh outage                        a carrier is silent for 15 s under 50 calls a second, with the default times
#   tests/soak.sh kills                         the daemon is killed ten times during 500 calls and 10,000 registrations
#
# What is needed is what tests/run.sh needs; it installs it. TRUNKLINE_PROFILE: the cargo profile, release by default.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '4,11s/^# *//p' "$0" >&2
    exit 2
}

# Sockets of a flood, and memory that has been taken back by the time that it is looked at.
ulimit -n "$(ulimit -Hn)"
export TRUNKLINE_FULL=1 TRUNKLINE_PROFILE=${TRUNKLINE_PROFILE:-release}

case "${1:-}" in
    floods) tests/run.sh e2e floods:: --nocapture ;;
    overload) tests/run.sh e2e overload:: --nocapture ;;
    calls)
        [ $# -ge 3 ] || usage
        export TRUNKLINE_SOAK_S=$2 TRUNKLINE_SOAK_RATE=$3 TRUNKLINE_SOAK_HOLD_MS=${4:-3000}
        tests/run.sh e2e soak::calls --ignored --nocapture
        ;;
    long)
        export TRUNKLINE_CALLS=${2:-10000000}
        cargo test --locked --profile "$TRUNKLINE_PROFILE" -p trunkline-tests --test scenarios -- \
            --exact long_life::a_long_life_leaves_nothing_and_repeats_itself --nocapture
        ;;
    lamps) tests/run.sh e2e lamps:: --nocapture ;;
    outage) tests/run.sh e2e trunks::an_outage --nocapture ;;
    kills)
        # TRUNKLINE_KILLS, _KILLS_CALLS, _KILLS_REGISTRATIONS, _KILLS_PACKET_MS (audio each way) and _KILLS_SEED change it.
        tests/run.sh e2e kills::soak --ignored --nocapture
        ;;
    *) usage ;;
esac
