#!/usr/bin/env bash
# Builds relay.o from relay.c. The result depends on nothing but the source and the compiler's version, which is part of it.
#
#   media/bpf/build.sh           writes relay.o
#   media/bpf/build.sh --check   fails if relay.o is not what the source gives
#
# Debian 12 has this compiler: apt-get install clang-14 llvm-14
set -euo pipefail
cd "$(dirname "$0")"
version=14.0.6

clang=${CLANG:-clang-14} strip=${LLVM_STRIP:-llvm-strip-14}
"$clang" --version | grep -qF "version $version" || {
    echo "media/bpf/build.sh: $clang is not clang $version, with which relay.o was built" >&2
    exit 1
}
built=$(mktemp)
trap 'rm -f "$built"' EXIT
# BTF needs -g. It names the source file, so the name must not depend on where this is built.
"$clang" -target bpf -mcpu=v2 -O2 -g -fdebug-compilation-dir=. -Wall -Wextra -Werror -c relay.c -o "$built"
"$strip" --strip-debug "$built"

if [ "${1:-}" = --check ]; then
    cmp "$built" relay.o || {
        echo "media/bpf/build.sh: relay.o is not built from this relay.c; run media/bpf/build.sh" >&2
        exit 1
    }
else
    cp "$built" relay.o
    chmod 644 relay.o
fi
