#!/bin/sh
# Runs the C tests and examples natively and under valgrind.
#
#   run.sh STAGE ORIGIN_BINARY TEST... -- EXAMPLE...
#
# STAGE is an installation with the programs in bin/. Tests get the URL of a
# reference origin that takes faults; every program must exit with 0.
set -eu

stage=$1 origin_binary=$2
shift 2

command -v valgrind >/dev/null || { echo "valgrind is needed: install it" >&2; exit 1; }

port_file=$stage/origin.port log=$stage/origin.log
rm -f "$port_file"
"$origin_binary" --listen 127.0.0.1:0 --db :memory: --faults --port-file "$port_file" >"$log" 2>&1 &
origin=$!
trap 'kill $origin 2>/dev/null || true' EXIT INT TERM
tries=0
while [ ! -s "$port_file" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 $origin 2>/dev/null; then
        echo "the reference origin does not start:" >&2
        cat "$log" >&2
        exit 1
    fi
    sleep 0.05
done
url="http://127.0.0.1:$(cat "$port_file")/items/{key}"

# Memory errors always count, and leaks of any kind but "still reachable": the
# tables of names are built once and kept.
memcheck="valgrind --quiet --error-exitcode=99 --fair-sched=yes --suppressions=$(dirname "$0")/valgrind.supp"
leaks="--leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible"

run() { # program arguments...
    "$@" || { echo "FAILED ($?): $*" >&2; exit 1; }
}

# CHECK_SLOWNESS: what must be quick may take so many times longer there.
kind=test
for program; do
    if [ "$program" = -- ]; then
        kind=example
        continue
    fi
    if [ $kind = test ]; then set -- "$url"; else set --; fi
    run "$stage/bin/$program" "$@"
    # A forked child leaks what its parent had open, on purpose: it must not touch it.
    if [ "$program" = fork ]; then checks=--leak-check=no; else checks=$leaks; fi
    # shellcheck disable=SC2086 # words are meant
    CHECK_SLOWNESS=6 run $memcheck $checks "$stage/bin/$program" "$@"
    echo "ok $program, also under valgrind"
done
