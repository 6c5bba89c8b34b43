#!/usr/bin/env bash
# Builds the Debian package, and prints where it is.
#
#   deploy/package.sh                of the version in Cargo.toml
#   deploy/package.sh 0.1.0~rc1-1    as that version
#   TRUNKLINE_PROFILE=ci             as another profile than release builds it
#   TRUNKLINE_BUILT=1                of what that profile has built already
#
# cargo-deb is installed where it is missing. The package depends on the C library of the machine that builds it, and on no other.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_deb_version=3.8.0
profile=${TRUNKLINE_PROFILE:-release}
version=${1:-}

if [ "$(cargo deb --version 2>/dev/null || true)" != "cargo-deb $cargo_deb_version" ]; then
    cargo install cargo-deb --locked --version "$cargo_deb_version" >&2
fi
[ -n "${TRUNKLINE_BUILT:-}" ] || cargo build --locked --profile "$profile" --bin trunkline >&2
directory=${CARGO_TARGET_DIR:-target}/$profile

# What the program says of itself: man pages, and what completes its command line.
written=$directory/package
rm -rf "$written"
mkdir -p "$written"
"$directory/trunkline" man "$written/man"
gzip -9n "$written"/man/man?/*
"$directory/trunkline" completions bash >"$written/trunkline.bash"
"$directory/trunkline" completions zsh >"$written/_trunkline"
"$directory/trunkline" completions fish >"$written/trunkline.fish"
# Of what was changed NEWS.md tells; Debian wants an entry for the package itself.
number=$("$directory/trunkline" --version | cut -d ' ' -f 2)
gzip -9n >"$written/changelog.Debian.gz" <<END
trunkline (${version:-$number-1}) unstable; urgency=medium

  * As NEWS.md says.

 -- The authors of Trunkline <trunkline@example.invalid>  $(git log -1 --format=%cD 2>/dev/null || date --rfc-email)
END

# Only what is given away has to be small.
[ "$profile" = release ] || fast=--fast
# Of what only a debugger reads the package has nothing, whatever the profile.
cargo deb --locked --no-build --strip --profile "$profile" --package trunkline ${fast:-} ${version:+--deb-version "$version"}
