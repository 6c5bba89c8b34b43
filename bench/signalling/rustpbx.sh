# rustpbx: a B2BUA with one trunk and one route. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch is the run's

rustpbx_command() { echo "${RUSTPBX:-rustpbx}"; }

rustpbx_title() { echo "rustpbx, B2BUA"; }

rustpbx_version() { "$(rustpbx_command)" --version; }

rustpbx_can() { [ "$1" = calls ]; }

rustpbx_run() {
    local configuration=$scratch/state/rustpbx
    mkdir -p "$configuration"
    cat >"$configuration/rustpbx.toml" <<TOML
http_addr = "127.0.0.1:8083"
log_level = "error"
database_url = "sqlite://$configuration/rustpbx.sqlite3"
rtp_start_port = 10000
rtp_end_port = 64999
[proxy]
modules = ["acl", "call"]
addr = "127.0.0.1"
udp_port = 5060
media_proxy = "all"
max_concurrency = 30000
session_timer = false
generated_dir = "$configuration"
acl_rules = ["allow all"]
[proxy.trunks.sipp]
dest = "sip:127.0.0.1:5070"
inbound_hosts = ["127.0.0.1"]
[[proxy.routes]]
name = "all"
priority = 1
action = "forward"
dest = "sipp"
[proxy.routes.match]
"to.user" = ".*"
TOML
    cd "$configuration" || exit
    exec "$(rustpbx_command)" --conf "$configuration/rustpbx.toml"
}
