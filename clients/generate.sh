#!/usr/bin/env bash
# Generates what the clients know of the HTTP API, from the OpenAPI document that the daemon prints.
#
#   clients/generate.sh            writes it
#   clients/generate.sh --check    says whether what is committed is that
#   TRUNKLINE=FILE                 the daemon; by default it is built
#
# The generators are installed below target/clients, in the versions of the lock files.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/clients
export TRUNKLINE_OPENAPI=$work/openapi.json
# Its cache would lie among what is generated.
export RUFF_NO_CACHE=true

fail() {
    echo "clients/generate.sh: $*" >&2
    exit 1
}

# The sources of a client beside what its lock file names, so that nothing is left among them.
copy() {
    local client=$1 lock=$2
    shift 2
    cmp -s "clients/$client/$lock" "$work/$client/$lock" || rm -rf "${work:?}/$client"
    mkdir -p "$work/$client"
    local file
    for file in "$@"; do
        rm -rf "${work:?}/$client/$file"
        cp -R "clients/$client/$file" "$work/$client/$file"
    done
}

# What was generated, compared with what is committed or put in its place.
settle() {
    local generated=$1
    if [ "$mode" = --check ]; then
        diff -rq --exclude=__pycache__ "clients/$generated" "$work/$generated" >&2 \
            || fail "clients/$generated is not what the OpenAPI document gives: run clients/generate.sh and commit what it writes"
    else
        rm -rf "clients/$generated"
        cp -R "$work/$generated" "clients/$generated"
    fi
}

typescript() {
    copy typescript package-lock.json package-lock.json package.json openapi-ts.config.ts tsconfig.json src examples test
    if [ ! -d "$work/typescript/node_modules" ]; then
        echo "installing what generates and builds the client for TypeScript"
        npm ci --prefix "$work/typescript" --ignore-scripts --no-audit --no-fund --silent || fail "npm could not download it"
    fi
    rm -rf "$work/typescript/src/generated"
    (cd "$work/typescript" && node_modules/.bin/openapi-ts >openapi-ts.log) || fail "openapi-ts failed, see $work/typescript/openapi-ts.log"
    # Of its links to packages the names are enough.
    find "$work/typescript/src/generated" -name '*.ts' -exec sed -i -E 's/\{@link https?:[^ }]+ ([^}]*)\}/\1/g' {} +
    settle typescript/src/generated
}

python() {
    copy python requirements-dev.txt requirements.txt requirements-dev.txt pyproject.toml openapi-python-client.yaml event_types.py trunkline_client examples tests
    local bin=$work/python/.venv/bin
    if [ ! -x "$bin/openapi-python-client" ]; then
        echo "installing what generates and checks the client for Python"
        rm -rf "$work/python/.venv"
        python3 -m venv "$work/python/.venv" || fail "python3 cannot make a virtual environment (python3-venv of Debian)"
        "$bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$work/python/requirements-dev.txt" \
            || fail "pip could not download it"
    fi
    rm -rf "$work/python/trunkline_client/generated"
    (
        cd "$work/python"
        PATH=$bin:$PATH openapi-python-client generate --path "$TRUNKLINE_OPENAPI" --output-path trunkline_client/generated --meta none \
            --config openapi-python-client.yaml >openapi-python-client.log
        "$bin/python" event_types.py "$TRUNKLINE_OPENAPI" >trunkline_client/events.py
        "$bin/ruff" format --quiet trunkline_client/events.py
    ) || fail "openapi-python-client failed, see $work/python/openapi-python-client.log"
    settle python/trunkline_client/generated
    settle python/trunkline_client/events.py
}

mode=${1:-}
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || fail "Node 20.19 or later is needed, here is $(node --version)"
mkdir -p "$work"
if [ -z "${TRUNKLINE:-}" ]; then
    cargo build --locked --bin trunkline
    TRUNKLINE=${CARGO_TARGET_DIR:-target}/debug/trunkline
fi
"$TRUNKLINE" openapi >"$TRUNKLINE_OPENAPI"
typescript
python
