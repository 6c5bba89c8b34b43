#!/usr/bin/env bash
# Builds the container image, from nothing but this repository and the machine's list of authorities. Prints its name.
#
#   deploy/container.sh                        localhost/trunkline:VERSION and :latest
#   TRUNKLINE_PROFILE=ci                       of a program that another profile than release builds
#
# What is missing of podman and the authorities is installed, where there is apt-get. No other image is fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v podman >/dev/null || [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then
    apt-get -qq update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends podman crun ca-certificates >&2
fi
program=$(deploy/static.sh)
version=$("$program" --version | cut -d ' ' -f 2)
context=${CARGO_TARGET_DIR:-target}/container
rm -rf "$context"
mkdir -p "$context/state"
chmod 750 "$context/state"
cp "$program" "$context/trunkline"
cp /etc/ssl/certs/ca-certificates.crt "$context"
# HEALTHCHECK is of this format alone. Nothing is run while it is built, so nothing has to be shut in, and no network is used.
podman ${TRUNKLINE_PODMAN:-} build --format docker --isolation chroot --layers=false \
    --timestamp "$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
    --label org.opencontainers.image.title=trunkline --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.licenses=MIT OR Apache-2.0" \
    --file deploy/Containerfile --tag "localhost/trunkline:$version" --tag localhost/trunkline:latest "$context" >&2
echo "localhost/trunkline:$version"
