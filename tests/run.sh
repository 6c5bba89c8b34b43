#!/usr/bin/env bash
# Runs every test: unit tests, documentation tests, scenarios in virtual time, then the daemon against real peers.
#
#   tests/run.sh               all
#   tests/run.sh e2e faults    only the end-to-end tests whose name contains "faults"
#   TRUNKLINE_FULL=1           the end-to-end load at full size: 10,000 calls each
#
# What the end-to-end tests need and Debian has is installed when it is missing, JsSIP, Playwright and axe-core by npm, schemathesis by pip. What cannot be had fails the
# run: a test that is skipped silently is worth less than none.
set -euo pipefail
cd "$(dirname "$0")/.."

# The profile `ci` is `release` without link-time optimisation, which each test binary would pay for.
profile=${TRUNKLINE_PROFILE:-ci}
# Runs of random calls over a bad network; a debug build that is told nothing makes do with 100.
export TRUNKLINE_SEEDS=${TRUNKLINE_SEEDS:-2000}
# What is built is chosen the same way each time, with tests, so that dependencies have the same features and are compiled once.
# Opus is in what is tested and used where a test asks for it; what .ci/run lints is built without.
build=(--locked --profile "$profile" --workspace --features trunkline/opus)
# States of each kind of line in which every operation is tried.
export TRUNKLINE_STATES=${TRUNKLINE_STATES:-500}

declare -A package_of=(
    [sipp]=sip-tester [baresip]=baresip-core [linphonec]=linphone-cli [tshark]=tshark [ip]=iproute2 [unshare]=util-linux
    [ethtool]=ethtool [bpftool]=bpftool [setpriv]=util-linux [taskset]=util-linux [nft]=nftables [svwar]=sipvicious
    [openssl]=openssl [mount]=mount [chromium]=chromium [npm]=npm [dnsmasq]=dnsmasq-base [python3]=python3
)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@" || fail "neither root nor sudo to install with"
    fi
}

install_missing() {
    local command missing=()
    for command in "${!package_of[@]}"; do
        command -v "$command" >/dev/null || missing+=("${package_of[$command]}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing ${missing[*]}, and no apt-get to install with"
    echo "installing ${missing[*]}"
    as_root apt-get -qq update || fail "missing ${missing[*]}, and apt-get update failed"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" \
        || fail "could not install ${missing[*]}"
}

# libopus, which the relay is tested with.
install_libopus() {
    ! cc -x c -o /dev/null - -lopus <<< 'int main(void) { return 0; }' 2>/dev/null || return 0
    command -v apt-get >/dev/null || fail "missing libopus-dev, and no apt-get to install with"
    echo "installing libopus-dev"
    as_root apt-get -qq update || fail "missing libopus-dev, and apt-get update failed"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends libopus-dev \
        || fail "could not install libopus-dev"
}

# What would begin to serve or to guard this machine is unpacked, not installed: a Debian package, and where.
unpack() {
    local package=$1 directory=$2
    command -v apt-get >/dev/null || fail "missing $package, and no apt-get to download it with"
    echo "unpacking $package"
    mkdir -p "$directory"
    # Lists that are old may name a file that is gone.
    (cd "$directory" && { apt-get -qq download "$package" || { as_root apt-get -qq update && apt-get -qq download "$package"; } } \
        && dpkg -x "$package"_*.deb .) || fail "missing $package, and apt-get could not download it"
}

unpack_services() {
    export TRUNKLINE_FAIL2BAN=$PWD/target/fail2ban
    [ -x "$TRUNKLINE_FAIL2BAN/usr/bin/fail2ban-regex" ] || unpack fail2ban "$TRUNKLINE_FAIL2BAN"
    local prometheus=$PWD/target/prometheus
    if ! command -v prometheus promtool >/dev/null; then
        [ -x "$prometheus/usr/bin/promtool" ] || unpack prometheus "$prometheus"
        PATH=$prometheus/usr/bin:$PATH
    fi
}

# The typed clients want a newer Node than Debian 12 has: then npm brings one, beside what else is built.
install_node() {
    local directory=$PWD/target/node from=tests/node
    ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || return 0
    if ! cmp -s $from/package-lock.json "$directory/package-lock.json"; then
        echo "installing Node, for $(node --version) is older than 20.19"
        rm -rf "$directory" "$directory.new"
        mkdir -p "$directory.new"
        cp $from/package.json $from/package-lock.json "$directory.new"
        npm ci --prefix "$directory.new" --ignore-scripts --no-audit --no-fund --silent || fail "node is older than 20.19, and npm could not download a newer one"
        mv "$directory.new" "$directory"
    fi
    local found=("$directory"/node_modules/node-linux-*/bin)
    [ -x "${found[0]}/node" ] || fail "node is older than 20.19, and there is none for this machine: install one"
    PATH=${found[0]}:$PATH
}

# The SIP stack of the browser phone, and what clicks before the console: the versions of the lock file, beside what else is built.
install_browser() {
    local directory=$PWD/target/browser files=(tests/e2e/browser/package.json tests/e2e/browser/package-lock.json)
    export TRUNKLINE_BROWSER=$directory/node_modules
    [ ! -d "$TRUNKLINE_BROWSER/jssip" ] || ! cmp -s "${files[1]}" "$directory/package-lock.json" || return 0
    echo "installing JsSIP, Playwright and axe-core"
    rm -rf "$directory" "$directory.new"
    mkdir -p "$directory.new"
    cp "${files[@]}" "$directory.new"
    npm ci --prefix "$directory.new" --ignore-scripts --no-audit --no-fund --silent || fail "missing JsSIP, Playwright or axe-core, and npm could not download it"
    mv "$directory.new" "$directory"
}

# What plays with the API by its own documents: schemathesis and the schema of AsyncAPI, as they are pinned, beside what else is built.
install_schema() {
    local directory=$PWD/target/schema from=tests/e2e/schema
    export TRUNKLINE_SCHEMATHESIS=$directory
    # The list is copied when all of it is there.
    if cmp -s $from/requirements.txt "$directory/requirements.txt" && cmp -s $from/package-lock.json "$directory/package-lock.json"; then
        return
    fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || fail "missing python3-venv, and no apt-get to install with"
        echo "installing python3-venv"
        as_root apt-get -qq update || fail "missing python3-venv, and apt-get update failed"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv \
            || fail "could not install python3-venv"
    fi
    echo "installing schemathesis"
    rm -rf "$directory"
    python3 -m venv "$directory" || fail "python3 made no environment for schemathesis"
    "$directory/bin/pip" install -q --disable-pip-version-check -r $from/requirements.txt \
        || fail "missing schemathesis, and pip could not download it"
    cp $from/package.json $from/package-lock.json "$directory"
    npm ci --prefix "$directory" --ignore-scripts --no-audit --no-fund --silent || fail "missing the schema of AsyncAPI, and npm could not download it"
    cp $from/requirements.txt "$directory"
}

# The relay in the kernel: what is committed is what its source gives. Only Debian 12 has the compiler that built it; whoever
# builds or runs Trunkline needs none.
check_object() {
    if ! command -v clang-14 llvm-strip-14 >/dev/null && ! apt-cache show clang-14 >/dev/null 2>&1; then
        echo "tests/run.sh: no clang-14 here: media/bpf/relay.o is NOT compared with its source"
        return
    fi
    package_of+=([clang-14]=clang-14 [llvm-strip-14]=llvm-14)
    install_missing
    media/bpf/build.sh --check
}

# The web console: its unit tests, and whether what is committed is what its source builds. Whoever builds or runs Trunkline needs no Node.
check_console() {
    local directory=$PWD/target/console
    echo "checking the console"
    rm -rf "$directory"
    mkdir -p "$directory"
    # Beside what else is built: nothing is left among the sources.
    cp -R console/build.mjs console/package.json console/package-lock.json console/tsconfig.json console/src console/test console/dist "$directory"
    npm ci --prefix "$directory" --ignore-scripts --no-audit --no-fund --silent || fail "npm could not download what builds the console"
    (cd "$directory" && node_modules/.bin/tsc && node build.mjs test && node build.mjs --check) || fail "the console is not as it should be"
}

# The typed clients: whether what is committed is what the daemon's document gives, whether the types hold, and their own tests. Their
# examples are run by the end-to-end tests.
check_clients() {
    export TRUNKLINE_CLIENTS=$PWD/target/clients
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || fail "missing python3-venv, and no apt-get to install with"
        as_root apt-get -qq update || fail "missing python3-venv, and apt-get update failed"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-venv \
            || fail "could not install python3-venv"
    fi
    echo "checking the clients"
    TRUNKLINE=${CARGO_TARGET_DIR:-target}/$profile/trunkline clients/generate.sh --check
    (cd "$TRUNKLINE_CLIENTS/typescript" && rm -rf dist && node_modules/.bin/tsc && node --test dist/test/) \
        || fail "the client for TypeScript is not as it should be"
    (cd "$TRUNKLINE_CLIENTS/python" && .venv/bin/mypy && .venv/bin/python -m unittest discover -s tests -t .) \
        || fail "the client for Python is not as it should be"
}

# Each end-to-end test lives in network namespaces of its own: fixed ports, no traces on the machine.
check_namespaces() {
    local unshare=(unshare --net --pid --fork --mount-proc)
    [ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
    "${unshare[@]}" ip link set lo up \
        || fail "this machine permits no network namespaces (${unshare[*]}); run as root or allow user namespaces"
    "${unshare[@]}" ip link add type veth || fail "this kernel has no veth interfaces"
}

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

end_to_end() {
    install_missing
    unpack_services
    install_node
    install_browser
    install_schema
    check_console
    check_namespaces
    check_object
    local skipped=()
    if [ "$(id -u)" != 0 ]; then
        # Capabilities of a user namespace load no program.
        echo "tests/run.sh: not root: the relay in the kernel is NOT tested"
        skipped=(--skip kernel:: --skip kernel_daemon:: --skip kernel_moves:: --skip rtcp_storm::in_the_kernel)
    fi
    cargo build "${build[@]}" --bin trunkline --test e2e
    check_clients
    if [ $# -gt 0 ]; then
        cargo test "${build[@]}" --test e2e -- --test-threads=1 "${skipped[@]}" "$@"
        return
    fi
    # Where load is measured, one at a time; of the others, three. Beside them wait those whose transactions die (tests/e2e/place.rs).
    local measuring=(load:: overload:: floods::case_24 browser::)
    TRUNKLINE_PLACES=1 cargo test "${build[@]}" --test e2e -- --test-threads=8 "${skipped[@]}" "${measuring[@]}"
    cargo test "${build[@]}" --test e2e -- --test-threads=12 "${skipped[@]}" "${measuring[@]/#/--skip=}"
}

install_libopus
if [ "${1:-}" = e2e ]; then
    shift
    end_to_end "$@"
else
    cargo test "${build[@]}"
    end_to_end
fi
