# What the scripts that try a package have in common; sourced by them, with $work set.

# What nobody expected to fail says where.
set -E
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
