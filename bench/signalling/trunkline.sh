# Trunkline: a B2BUA between two trunks for calls, a registrar that keeps what it is told for phones. Sourced by
# bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch, trunkline and phones are the run's

trunkline_command() { echo "$trunkline"; }

trunkline_title() { echo "Trunkline"; }

trunkline_version() { "$trunkline" --version | sed 's/^t/T/'; }

# It takes no REGISTER without a password.
trunkline_can() { [ "$1" != register ]; }

# All load comes from one address, which the limits are not meant for.
trunkline_run() {
    local n
    {
        cat <<'TOML'
[sip]
listen = ["udp:127.0.0.1:5060"]
realm = "bench"
[media]
listen = "127.0.0.1"
ports = "10000-64999"
[limits]
calls = 30000
calls_per_second = 0
registrations_per_second = 0
registrations_per_second_per_source = 0
TOML
        if [ "$1" = digest ]; then
            for ((n = 10000; n < 10000 + phones; n++)); do
                printf '[[line]]\naddress = "%s"\npassword = "secret%s"\ndigest = ["MD5"]\n' "$n" "$n"
            done
        else
            cat <<'TOML'
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 30000
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
TOML
        fi
    } >"$scratch/trunkline.toml"
    exec "$trunkline" serve --config "$scratch/trunkline.toml" --state-dir "$scratch/state"
}
