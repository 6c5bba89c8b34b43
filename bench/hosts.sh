# Three hosts in network namespaces: client ─ relay ─ server, as the map in bench/src/relay/mod.rs shows. Sourced by the runs.
# shellcheck shell=bash disable=SC2034 # client and server are for those who source this

# The relay's host is the present namespace.
make_hosts() {
    host_of
    client=$host
    host_of
    server=$host
    ip link set lo up
    link 1 "$client"
    link 2 "$server"
    ip link add direct0 netns "$client" type veth peer name direct0 netns "$server"
    on "$client" ip address add 10.80.3.1/24 dev direct0
    on "$server" ip address add 10.80.3.2/24 dev direct0
    on "$client" ip link set direct0 up
    on "$server" ip link set direct0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward
}

# A network namespace lives as long as a process in it.
host_of() {
    unshare --net sleep infinity &
    host=$!
    until [ "$(readlink "/proc/$host/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
}

# link SIDE HOST: veth between this host (10.80.SIDE.1) and that one (10.80.SIDE.2), which is routed by this one.
link() {
    ip link add "veth$1" type veth peer name relay0 netns "$2"
    ip address add "10.80.$1.1/24" dev "veth$1"
    ip link set "veth$1" up
    on "$2" ip link set lo up
    on "$2" ip address add "10.80.$1.2/24" dev relay0
    on "$2" ip link set relay0 up
    on "$2" ip route add default via "10.80.$1.1"
}

# on HOST COMMAND…
on() {
    local host=$1
    shift
    nsenter --target "$host" --net "$@"
}

# Network, process and mount namespaces of one's own, which nothing survives.
unshare=(unshare --net --pid --fork --kill-child --mount-proc)
[ "$(id -u)" = 0 ] || unshare+=(--map-root-user)

machine() {
    echo "$(nproc) cores, $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1); Linux $(uname -r); $(date -I)"
}
