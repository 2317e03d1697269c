# edgecmp. `make demo` runs the main job, `make test` all tests of all
# languages. Both set up what they need. `make help` lists the rest.

CARGO ?= cargo
# The demo measures, so it is optimized; tests compile faster than they run.
DEMO_PROFILE ?= release
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo test setup lint etcd test-rust test-c test-python test-node test-go test-demo clean \
  model asan sim soak-store soak-origin churn bench bench-read bench-hit-ratio bench-fleet bench-faults soak-fleet bench-c bench-python \
  bench-node bench-go

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo             the main job, about two minutes after the build
demo: setup
	$(MAKE) -C examples/demo demo PROFILE=$(DEMO_PROFILE)

## make test             all tests of all languages
test: setup lint test-rust model test-c test-python test-node test-go test-demo
	@echo "make test: all passed"

setup:
	@scripts/setup.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

test-rust: target/etcd
	$(CARGO) test --workspace --locked

## make etcd             the etcd that tests and benchmarks start: target/etcd
etcd: target/etcd

# Go looks into nothing but tests/etcd, so neither does make.
target/etcd: $(wildcard tests/etcd/*.go tests/etcd/go.*)
	@mkdir -p $(@D)
	cd tests/etcd && CGO_ENABLED=0 go build -o ../../$@ .
	@touch $@

test-c:
	$(MAKE) -C ffi test

test-python:
	$(MAKE) -C bindings/python test

test-node:
	$(MAKE) -C bindings/node test

test-go:
	$(MAKE) -C bindings/go test

# The main job itself, ten seconds of it, against the same oracle. Its answers
# are judged, not its speed: this machine may be busy.
test-demo:
	$(MAKE) -C examples/demo demo PROFILE=dev SECONDS=10 FLAGS=--any-speed

## make model            the store under loom: all interleavings, weak memory too
# LOOM_MAX_PREEMPTIONS=8 for more of them. A model that fails ends the process.
model:
	RUSTFLAGS="--cfg edgecmp_loom" $(CARGO) test --locked -p edgecmp --no-default-features --lib \
	  --target-dir $(TARGET)/model -- store::models

## make asan             store and entries under AddressSanitizer and its leak detection
# Needs a nightly toolchain: the sanitizers are not in a stable one.
asan:
	@rustup run nightly rustc --version >/dev/null 2>&1 || { \
	  echo "make asan: no nightly toolchain: rustup toolchain install nightly --profile minimal" >&2; exit 1; }
	RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=1 EDGECMP_STORE_SECONDS=$${EDGECMP_STORE_SECONDS:-30} \
	  rustup run nightly cargo test --locked -p edgecmp --no-default-features --lib \
	  --target "$$(rustc -vV | sed -n 's/^host: //p')" --target-dir $(TARGET)/asan \
	  -- store:: facts::entry facts::thread

## make sim              SEEDS=5000 seeds of the simulation
SEEDS ?= 5000
sim:
	EDGECMP_SIM_SEEDS=$(SEEDS) $(CARGO) test --locked -p edgecmp-sim --release -- --nocapture

## make soak-store       STORE_SECONDS=600 of many threads on one store beside an oracle
STORE_SECONDS ?= 600
soak-store:
	EDGECMP_STORE_SECONDS=$(STORE_SECONDS) $(CARGO) test --locked -p edgecmp --no-default-features --features mimalloc --lib --release \
	  -- --nocapture store::soak

## make soak-origin      ORIGIN_SECONDS=60 of each fault of an origin over HTTP, with the figures
ORIGIN_SECONDS ?= 60
soak-origin:
	EDGECMP_ORIGIN_SECONDS=$(ORIGIN_SECONDS) $(CARGO) test --locked -p edgecmp --release --test origin_faults -- --nocapture

## make churn            MINUTES=10 of a million keys a minute that leave by themselves
MINUTES ?= 10
churn:
	$(CARGO) run --release --locked -p edgecmp --example churn -- $(MINUTES)

## make bench            all of the following, on an otherwise idle machine
bench: bench-read bench-hit-ratio bench-fleet bench-faults bench-c bench-python bench-node bench-go

## make bench-read       reads beside those of other caches; FLAGS=--quick for a short run
bench-read:
	cd benches/read && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/read/target}"/release/bench-read --out target/bench $(FLAGS)

## make bench-hit-ratio  eviction beside other policies; EDGECMP_TRACES=DIR for real traces
bench-hit-ratio:
	cd benches/hit-ratio && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/hit-ratio/target}"/release/bench-hit-ratio --out target/bench $(FLAGS)

## make bench-fleet      eight nodes over one origin beside other ways to keep them fresh; FLAGS=--quick
bench-fleet:
	cd tests/etcd && go build -o ../../target/etcd .
	cd benches/fleet && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/fleet/target}"/release/bench-fleet --out target/bench $(FLAGS)

## make bench-faults     hits, waits and leases while etcd or Redis fails; FLAGS=--quick
bench-faults: target/etcd
	cd benches/faults && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/faults/target}"/release/bench-faults run --out target/bench $(FLAGS)

## make soak-fleet       MINUTES=30 of nodes whose origin and etcd fail at random; FLAGS="--seed N"
soak-fleet: MINUTES = 30
soak-fleet: target/etcd
	cd benches/faults && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/faults/target}"/release/bench-faults soak --minutes $(MINUTES) $(FLAGS)

## make bench-c          the same reads through the C ABI and in Rust
bench-c:
	$(MAKE) -C benches/c bench

## make bench-python     what a hit costs through Python, beside its peers
bench-python:
	$(MAKE) -C bindings/python bench-python

## make bench-node       what a hit costs through Node, beside lru-cache
bench-node:
	$(MAKE) -C bindings/node bench-node

## make bench-go         what a hit costs through Go, beside the same in C
bench-go:
	$(MAKE) -C benches/go bench

clean:
	$(CARGO) clean
	$(MAKE) -C bindings/node clean
