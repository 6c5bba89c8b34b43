#!/usr/bin/env bash
# Builds the Debian package and tries it on a clean Debian, with systemd: installs it, has a phone register, reloads it, has its
# watchdog bite, upgrades it in the middle of calls, removes it and purges it. Stops at the first thing that is not as docs/packaging.md
# says.
#
#   sudo deploy/try-package.sh                 on Debian 13
#   sudo deploy/try-package.sh bookworm        on Debian 12, whose systemd does not know notify-reload
#   TRUNKLINE_PROFILE=ci                       packages of another build than release
#   TRUNKLINE_BUILT=1                          of what that profile has built already
#
# The Debian is made by debootstrap below target/try-package, once, and copied for each run; it is started by systemd-nspawn in a network
# namespace of its own. What is missing of debootstrap, systemd-nspawn, lintian and SIPp is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:-trixie}
work=$PWD/target/try-package
clean=$work/$suite
root=$work/root

. deploy/trying.sh

prepare() {
    [ "$(id -u)" = 0 ] || fail "a Debian is made and started by root alone"
    need debootstrap=debootstrap systemd-nspawn=systemd-container sipp=sip-tester nsenter=util-linux bc=bc lintian=lintian
    mkdir -p "$work"
    # Each build of a package removes the one before.
    new=$work/new.deb old=$work/old.deb
    cp "$(deploy/package.sh)" "$new"
    lintian --allow-root --tag-display-limit 0 --fail-on error,warning "$new" || fail "remarks of lintian: mend them, or override them with a reason"
    local version
    version=$(dpkg-deb --field "$new" Version)
    cp "$(deploy/package.sh "${version%-*}~before-1")" "$old"
    if [ ! -d "$clean" ]; then
        rm -rf "$clean.new"
        # libopus: for a program that was built with it.
        debootstrap --variant=minbase --include=systemd-sysv,dbus,adduser,ca-certificates,libopus0 "$suite" "$clean.new" >"$work/debootstrap.log" \
            || fail "debootstrap: see $work/debootstrap.log"
        mv "$clean.new" "$clean"
    fi
    rm -rf "$root"
    cp -a "$clean" "$root"
    cp "$old" "$root/root/old.deb"
    cp "$new" "$root/root/new.deb"
}

# Where nobody else has the ports, and nothing leaves this machine.
if [ "${TRUNKLINE_TRYING:-}" != 1 ]; then
    started=$(date +%s.%N)
    prepare
    said "two packages of $(stat -c %s "$new") bytes, and a Debian without them"
    export TRUNKLINE_TRYING=1
    exec unshare --net --mount -- "deploy/${0##*/}" "$suite"
fi

started=$(date +%s.%N)
ip link set lo up
systemd-nspawn --quiet --register=no --keep-unit --directory "$root" --boot >"$work/boot.log" 2>&1 </dev/null &
machine=$!

# Its first process, which is systemd once it has been started.
init() { pgrep -P "$machine" | head -1; }
# With the first process goes whatever runs there.
trap 'kill -KILL $(init) 2>/dev/null || true; wait $machine 2>/dev/null || true' EXIT

inside() { nsenter --target "$(init)" --mount --uts --ipc --pid --net -- "$@"; }

is_up() { inside systemctl is-system-running 2>/dev/null | grep -E 'running|degraded'; }
property() { inside systemctl show --property "$1" --value trunkline; }
is_active() { [ "$(property ActiveState)" = active ]; }
has() { inside test -e "$1"; }
ctl() { inside trunkline ctl --token-file /etc/trunkline/secrets/admin "$@"; }
registrations() { ctl --json registrations; }
is_registered() { registrations | grep '"1001"' >/dev/null; }
logged() { inside journalctl --unit trunkline --no-pager --quiet | grep "$1" >/dev/null; }

# From the journal: when the old process left its calls, and when systemd knew the next one ready.
interruption() { awk '/calls are left/ { left = $1 } left && /systemd\[1\]: Started/ { took = $1 - left } END { printf "%.2f", took }'; }

until_so "systemd is up" is_up
said "$(inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"'), $(inside systemctl --version | head -1), without Trunkline"

inside dpkg -i /root/old.deb >"$work/install.log" 2>&1 || fail "cannot install: $work/install.log"
until_so "the service is active" is_active
pid=$(property MainPID)
inside grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status" || fail "the service has capabilities"
inside grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits" || fail "a core would hold passwords and keys"
[ "$(inside stat -c %U "/proc/$pid")" = trunkline ] || fail "the service is not run by trunkline"
[ "$(inside stat -c '%U:%G %a' /etc/trunkline/secrets/1001)" = "root:trunkline 640" ] || fail "who may read passwords"
inside trunkline check --config /etc/trunkline/trunkline.toml >/dev/null || fail "the configuration is wrong"
for page in man1/trunkline.1.gz man1/trunkline-ctl-hold.1.gz man5/trunkline.toml.5.gz; do
    [ -s "$root/usr/share/man/$page" ] || fail "no $page"
done
said "installed $(inside dpkg-query -f '${Version}' -W trunkline): active, Type=$(property Type), user trunkline, no capability, no core," \
    "$(inside systemd-analyze security --no-pager trunkline.service | sed -n 's/.*Overall exposure level for trunkline.service: //p' || true)"

register "$(inside cat /etc/trunkline/secrets/1001)"
is_registered || fail "the phone is not there: $(registrations)"
said "a phone registered: $(registrations | tr -d '\n ' | cut -c1-120)"

if [ "$(property Type)" = notify-reload ]; then
    inside systemctl reload trunkline || fail "it cannot be reloaded"
else
    ctl reload >/dev/null || fail "it cannot be reloaded"
fi
until_so "it was reloaded" logged "the configuration was loaded again"
[ "$(property MainPID)" = "$pid" ] && is_active || fail "a reload is no restart"
said "reloaded, by the same process"

# The watchdog of the unit is 30 s: here five.
inside sh -c 'mkdir -p /run/systemd/system/trunkline.service.d
    printf "[Service]\nWatchdogSec=5\n" >/run/systemd/system/trunkline.service.d/try.conf
    systemctl daemon-reload && systemctl restart trunkline'
until_so "it is active" is_active
pid=$(property MainPID)
inside sleep 8
[ "$(property MainPID)" = "$pid" ] || fail "the watchdog bit a daemon that lives"
inside sh -c "kill -STOP $pid"
restarted() { [ "$(property NRestarts)" = 1 ] && is_active && [ "$(property MainPID)" != "$pid" ]; }
until_so "systemd found that it stands still" restarted
is_registered || fail "the phone was forgotten"
inside sh -c 'rm -r /run/systemd/system/trunkline.service.d && systemctl daemon-reload'
said "stopped in its tracks, ended by the watchdog, started again: the phone is still registered"

# Calls through a trunk, whose far ends say something for half a minute.
cat >>"$root/etc/trunkline/trunkline.toml" <<'END'

# written by the administrator
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
END
ctl reload >/dev/null || fail "the trunk is not taken"
talk_begin
calls=$(calls)
said "$CALLS calls are up"

before=$(inside sh -c 'cat /etc/trunkline/trunkline.toml /etc/trunkline/secrets/* | sha256sum')
pid=$(property MainPID)
inside dpkg -i /root/new.deb >"$work/upgrade.log" 2>&1 || fail "cannot upgrade: $work/upgrade.log"
until_so "the service is active" is_active
[ "$(property MainPID)" != "$pid" ] || fail "the old version still runs"
[ "$(inside sh -c 'cat /etc/trunkline/trunkline.toml /etc/trunkline/secrets/* | sha256sum')" = "$before" ] || fail "the configuration was changed"
until_so "the phone is still registered" is_registered
register "$(inside cat /etc/trunkline/secrets/1001)"
[ "$(calls)" = "$calls" ] || fail "the calls are others: $(calls | paste -sd " ")"
talk_end
logged "calls are left to the next process" || fail "the old process did not leave its calls"
said "upgraded to $(inside dpkg-query -f '${Version}' -W trunkline): configuration, passwords, the phone's registration and the calls are kept;" \
    "$(inside journalctl --unit trunkline --no-pager --quiet --output short-unix | interruption) s between the old process and the new;" \
    "all $CALLS calls were hung up by their callers"

inside dpkg -r trunkline >"$work/remove.log" 2>&1 || fail "cannot remove: $work/remove.log"
! has /usr/bin/trunkline || fail "the program is still there"
! inside systemctl is-active --quiet trunkline || fail "the service still runs"
has /etc/trunkline/trunkline.toml && has /var/lib/trunkline/state.db || fail "configuration and state go with a purge alone"
said "removed: configuration and state are kept"

inside dpkg -P trunkline >"$work/purge.log" 2>&1 || fail "cannot purge: $work/purge.log"
left=$(inside find / -xdev -name '*trunkline*' -not -path '/proc/*' -not -path '/root/*' -not -path '/tmp/*')
[ -z "$left" ] || fail "left behind: $left"
! inside getent passwd trunkline >/dev/null || fail "the user is still there"
said "purged: nothing is left"
echo "deploy/try-package.sh: all as it should be on $suite"
