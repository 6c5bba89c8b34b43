#!/usr/bin/env bash
# Builds the container image and tries it with podman: its four phones, one of which registers; the state in a new container over the
# same volume; no privilege; then with a configuration of its own: a trunk by name, TLS, its probe. What is tried is the static program, too,
# for there is nothing else in the image. Stops at the first thing that is not as docs/packaging.md says.
#
#   sudo deploy/try-container.sh
#   TRUNKLINE_PROFILE=ci             an image of another build than release
#
# Images and containers are kept below target/try-container, and live in a network namespace of their own. What is missing of podman, runc,
# SIPp, dnsmasq and OpenSSL is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/try-container
. deploy/trying.sh
# runc runs on either kind of cgroups.
export TRUNKLINE_PODMAN="--root $work/storage --runroot $work/run --runtime runc"
# The probe is run by this script, by no timer of systemd.
export DISABLE_HC_SYSTEMD=true
podman() { command podman $TRUNKLINE_PODMAN "$@"; }

# Where nobody else has the ports, and nothing leaves this machine.
if [ "${TRUNKLINE_TRYING:-}" != 1 ]; then
    started=$(date +%s.%N)
    [ "$(id -u)" = 0 ] || fail "a network of its own is made by root alone"
    need podman=podman runc=runc sipp=sip-tester dnsmasq=dnsmasq-base openssl=openssl bc=bc
    mkdir -p "$work"
    image=$(deploy/container.sh)
    said "$image: $(podman image inspect --format '{{.Size}} bytes, user {{.User}}, on {{.Os}}/{{.Architecture}}' "$image")"
    TRUNKLINE_TRYING=1 exec unshare --net --mount -- "deploy/${0##*/}" "$image"
fi

image=$1
started=$(date +%s.%N)
ip link set lo up
trap 'podman rm --all --force --time 0 >/dev/null 2>&1; podman volume rm --all --force >/dev/null 2>&1; [ -z "${names:-}" ] || kill "$names"' EXIT

# As docs/packaging.md has it; who may not raise limits names his own.
run() {
    podman run --pull never --detach --name trunkline --network host --read-only --cap-drop all --security-opt no-new-privileges \
        --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit nproc=4096:4096 \
        --volume trunkline:/var/lib/trunkline "$@" "$image" >/dev/null
    until_so "the daemon is ready" podman healthcheck run trunkline
}
stop() {
    podman stop --time 20 trunkline >/dev/null
    [ "$(podman inspect --format '{{.State.ExitCode}}' trunkline)" = 0 ] || fail "it does not stop well: $(podman logs trunkline 2>&1 | tail -3)"
    podman rm trunkline >/dev/null
}
ctl() { podman exec --env "TRUNKLINE_TOKEN=${token:-}" trunkline /usr/bin/trunkline ctl "$@"; }
is_registered() { ctl --json registrations | grep '"1001"' >/dev/null; }

podman volume rm --all --force >/dev/null 2>&1 || true
run
password=$(podman logs trunkline 2>/dev/null | awk '{ for (i = 1; i < NF; i++) if ($i == "1001" && !found) found = $(i + 1) } END { print found }')
[ ${#password} -ge 8 ] || fail "no password of 1001 in what it prints"
status=/proc/$(podman inspect --format '{{.State.Pid}}' trunkline)/status
for line in 'Uid:\s*5060\s' 'CapEff:\s*0*$' 'CapBnd:\s*0*$' 'NoNewPrivs:\s*1$' 'Seccomp:\s*2$'; do
    grep -qP "^$line" "$status" || fail "not so in $status: $line"
done
said "the daemon is ready in a container: user 5060, no capability, no new privileges, seccomp, a root that cannot be written"

register "$password"
is_registered || fail "the phone is not there"
stop
run
is_registered || fail "the phone was forgotten"
podman logs trunkline 2>&1 | grep "$password" >/dev/null && fail "the password is printed again"
register "$password"
stop
said "a phone registered, and was still there in a new container with the volume of the old one"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=pbx.test -addext subjectAltName=DNS:pbx.test \
    -keyout "$work/pbx.key" -out "$work/pbx.pem" 2>/dev/null
chmod 644 "$work/pbx.key"
token=$(head -c 24 /dev/urandom | base64)
cat >"$work/trunkline.toml" <<END
[sip]
listen = ["udp:127.0.0.1:5060", "tls:127.0.0.1:5061"]
[sip.tls]
certificate = "pbx.pem"
key = "pbx.key"
[media]
listen = "127.0.0.1"
[api]
hosts = ["pbx.test"]
[[app]]
name = "admin"
token = "$token"
lines = ["*"]
[[trunk]]
name = "callers"
peer = "udp:127.0.0.1:5080"
allow_from = ["127.0.0.1/32"]
[[trunk]]
name = "carrier"
peer = "sip:carrier.test"
[[route]]
from = "trunk:callers"
match = ".*"
to = "trunk:carrier"
END
dnsmasq --no-resolv --no-hosts --no-daemon --user=root --group=root --bind-interfaces --listen-address=127.0.0.1 --conf-file=/dev/null \
    --naptr-record=carrier.test,10,10,S,SIP+D2U,,_sip._udp.carrier.test --srv-host=_sip._udp.carrier.test,peer.carrier.test,5070 \
    --host-record=peer.carrier.test,127.0.0.1 --host-record=pbx.test,127.0.0.1 >"$work/dnsmasq.log" 2>&1 &
names=$!
echo 'nameserver 127.0.0.1' >"$work/resolv.conf"
# A source of names that is a library, which no static program can have.
echo 'hosts: myhostname' >"$work/nsswitch.conf"
configured=()
for file in resolv.conf:/etc/resolv.conf nsswitch.conf:/etc/nsswitch.conf trunkline.toml:/etc/trunkline/trunkline.toml pbx.pem:/etc/trunkline/pbx.pem pbx.key:/etc/trunkline/pbx.key; do
    configured+=(--volume "$work/$file:ro")
done
run "${configured[@]}"

sipp -sn uas -i 127.0.0.1 -p 5070 -nostdin >"$work/uas.log" 2>&1 &
carrier=$!
sipp 127.0.0.1:5060 -sn uac -i 127.0.0.1 -p 5080 -m 20 -r 20 -d 500 -nostdin >"$work/uac.log" 2>&1 || fail "calls to the trunk: $work/uac.log"
kill -USR1 "$carrier"
wait "$carrier" || true
said "20 calls of stock SIPp through a trunk whose servers a name server told (NAPTR, SRV, A)"

options() {
    printf '%s\r\n' 'OPTIONS sip:pbx.test SIP/2.0' 'Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKa' 'From: <sip:a@pbx.test>;tag=a' \
        'To: <sip:pbx.test>' 'Call-ID: a' 'CSeq: 1 OPTIONS' 'Max-Forwards: 70' 'Content-Length: 0' ''
    # As long as somebody writes, the connection is open.
    sleep 3
}
options | timeout 20 openssl s_client -connect 127.0.0.1:5061 -CAfile "$work/pbx.pem" -verify_hostname pbx.test -verify_return_error -brief \
    >"$work/tls.log" 2>&1 || true
grep -q '^SIP/2.0 200' "$work/tls.log" && grep -q '^Verification: OK' "$work/tls.log" || fail "no answer by TLS: $work/tls.log"
said "an answer by $(sed -n 's/^Protocol version: //p' "$work/tls.log"), with a certificate that is verified"

talk_begin
before=$(calls)
podman kill --signal USR1 trunkline >/dev/null
[ "$(podman wait trunkline)" = 0 ] || fail "it does not leave its calls well"
podman rm trunkline >/dev/null
run "${configured[@]}"
[ "$(calls)" = "$before" ] || fail "the calls are others: $(calls | paste -sd " ")"
talk_end
said "$CALLS calls with audio went on in a new container, and were hung up by their callers"

ctl --url http://pbx.test:8080 ready >/dev/null || fail "ctl finds no host by the C library's look-up"
ctl --url http://localhost:8080 ready >/dev/null || fail "ctl does not know localhost"
stop
said "names that the C library looks up are found by /etc/hosts and the name server, whatever /etc/nsswitch.conf says"
echo "deploy/try-container.sh: all as it should be"
