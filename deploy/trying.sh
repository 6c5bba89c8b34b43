# What deploy/try-package.sh and deploy/try-container.sh have in common; sourced by them, with $work set, and ctl() for what the daemon is asked.

# What nobody expected to fail says where.
set -E
# A command whose output is looked through to the end is not killed by who has seen enough: grep without -q.
trap 'echo "$0: line $LINENO: $BASH_COMMAND: status $?" >&2' ERR

fail() {
    echo "$0: $*" >&2
    exit 1
}

# How long it took so far, and what was seen.
said() { printf '%6.1f s  %s\n' "$(bc -l <<<"$(date +%s.%N) - $started")" "$*"; }

# Installs the Debian packages of those commands that are missing: command=package …
need() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
}

until_so() {
    local what=$1 tries=300
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "not within a minute: $what"
        sleep 0.2
    done
}

# Line 1001, from port 5081, with this password. SIPp knows MD5 alone, as the desk phones do that are asked by that alone: it says
# that it is one.
register() {
    sed 's/Max-Forwards: 70/&\n      User-Agent: Yealink SIP-T46U 108.86.0.20/' tests/e2e/sipp/register.xml >"$work/register.xml"
    sipp 127.0.0.1:5060 -i 127.0.0.1 -p 5081 -sf "$work/register.xml" -s 1001 -au 1001 -ap "$1" -m 1 -nostdin >"$work/sipp.log" 2>&1 \
        || fail "the phone cannot register: $work/sipp.log"
}

CALLS=5

# Calls through the daemon, by stock SIPp: from port 5080 by one that plays its recording of eight seconds four times and hangs up, to port
# 5070, where one answers and sends all audio back. Who is silent would be asked by the next process whether he has the call, and stock
# SIPp does not know that question.
talk_begin() {
    local pause='<pause milliseconds="8000"/>' again='<nop><action><exec play_pcap_audio="g711a.pcap"/></action></nop>'
    # It shows a scenario and says that it has failed.
    { sipp -sd uac_pcap 2>/dev/null || true; } \
        | sed "s|$pause|&$again&$again&$again&|; s|\"\(pcap/\)\?\([a-z0-9_]*[.]pcap\)|\"/usr/share/sip-tester/\2|g" >"$work/talk.xml"
    sipp -sn uas -i 127.0.0.1 -p 5070 -rtp_echo -mp 7000 -nostdin >"$work/callee.log" 2>&1 &
    callee=$!
    sipp 127.0.0.1:5060 -i 127.0.0.1 -p 5080 -sf "$work/talk.xml" -m "$CALLS" -r "$CALLS" -nostdin >"$work/caller.log" 2>&1 &
    caller=$!
    until_so "$CALLS calls are up" are_up
    # What is newer than half a second is not kept.
    sleep 1
}

# The calls that are up, one for each side; those that have ended may be listed, too.
calls() { ctl calls | awk '$3 == "connected" { print $1 }' | sort; }
are_up() { [ "$(calls | wc -l)" = $((2 * CALLS)) ]; }

# The callers hang up, and all was well.
talk_end() {
    wait "$caller" || fail "calls did not go on: $work/caller.log"
    kill -USR1 "$callee"
    wait "$callee" || true
}
