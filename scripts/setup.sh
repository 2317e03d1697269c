#!/bin/sh
# Looks for what the build and the tests need, and installs what is missing
# with the system's package manager where it may (Debian and its kin).
# Rust itself is expected: rustup reads rust-toolchain.toml.
set -eu

missing=""
need() { # command, package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc gcc
need c++ g++
need make make
need python3 python3
need node nodejs
need npm npm
need go golang-go
need pkg-config pkg-config
need valgrind valgrind
# etcd-client is built with it; the second package has the well-known types it reads.
need protoc "protobuf-compiler libprotobuf-dev"
need redis-server redis-server
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
    echo "setup: missing:$missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: install these packages, then call again" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1; then
        as_root="sudo"
    else
        echo "setup: needs root to run: apt-get install$missing" >&2
        exit 1
    fi
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    $as_root apt-get install -y -qq --no-install-recommends $missing
fi

command -v cargo >/dev/null 2>&1 || {
    echo "setup: cargo is missing: install Rust 1.95 or later (rustup)" >&2
    exit 1
}
go version | grep -qE 'go1\.(2[4-9]|[3-9][0-9])' || {
    echo "setup: $(go version): go 1.24 or later is needed" >&2
    exit 1
}
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || {
    echo "setup: node $(node --version): node 20 or later is needed" >&2
    exit 1
}
