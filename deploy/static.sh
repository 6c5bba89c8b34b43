#!/usr/bin/env bash
# Builds the daemon as one file that needs no other: neither a C library nor a loader. Prints where it is.
#
#   deploy/static.sh
#   TRUNKLINE_PROFILE=ci             by another profile than release
#
# docs/packaging.md says what does not work in it.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${TRUNKLINE_PROFILE:-release}
machine=$(rustc -vV | sed -n 's/^host: //p')
# For a machine that is named, build scripts and macros stay what the compiler can load.
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" cargo build --locked --profile "$profile" --bin trunkline --target "$machine" >&2
program=${CARGO_TARGET_DIR:-target}/$machine/$profile/trunkline
# A loader that is asked for would be missing where the file is taken to.
if readelf --program-headers "$program" | grep -q INTERP; then
    echo "deploy/static.sh: $program is linked with libraries" >&2
    exit 1
fi
mkdir -p "${CARGO_TARGET_DIR:-target}/static"
strip -o "${CARGO_TARGET_DIR:-target}/static/trunkline" "$program"
echo "${CARGO_TARGET_DIR:-target}/static/trunkline"
