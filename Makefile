# edgecmp. `make demo` runs the main job, `make test` all tests of all
# languages. Both set up what they need.

CARGO ?= cargo
# The demo measures, so it is optimized; tests compile faster than they run.
DEMO_PROFILE ?= release

.PHONY: demo test setup lint test-rust test-c test-python test-node test-go test-demo sim audit bench-read clean

demo: setup
	$(MAKE) -C examples/demo demo PROFILE=$(DEMO_PROFILE)

test: setup lint test-rust test-c test-python test-node test-go test-demo
	@echo "make test: all passed"

setup:
	@scripts/setup.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

test-rust:
	$(CARGO) test --workspace --locked

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

# Long: thousands of seeds of the simulation.
SEEDS ?= 5000
sim:
	EDGECMP_SIM_SEEDS=$(SEEDS) $(CARGO) test --locked -p edgecmp-sim --release -- --nocapture

# Reads beside those of other caches, in one run of about ten minutes.
# FLAGS=--quick for a short one.
bench-read:
	cd benches/read && $(CARGO) build --release --locked
	"$${CARGO_TARGET_DIR:-benches/read/target}"/release/bench-read --out target/bench $(FLAGS)

clean:
	$(CARGO) clean
	$(MAKE) -C bindings/node clean

.PHONY: bench-python
# What a read of a hit costs through Python, beside its peers in one run.
bench-python:
	$(MAKE) -C bindings/python bench-python

.PHONY: model soak-store asan
# The store's lock-free parts under loom: all interleavings, weak memory too.
# LOOM_MAX_PREEMPTIONS=8 for more of them. A model that fails ends the process.
model:
	RUSTFLAGS="--cfg edgecmp_loom" $(CARGO) test --locked -p edgecmp --no-default-features --lib \
	  --target-dir "$${CARGO_TARGET_DIR:-target}/model" -- store::models

# Many threads on one store beside an oracle, for so many seconds.
STORE_SECONDS ?= 600
soak-store:
	EDGECMP_STORE_SECONDS=$(STORE_SECONDS) $(CARGO) test --locked -p edgecmp --no-default-features --lib --release \
	  -- --nocapture store::soak

# Store and entries under AddressSanitizer and its leak detection. Needs a
# nightly toolchain: the sanitizers are not in a stable one.
asan:
	@rustup run nightly rustc --version >/dev/null 2>&1 || { \
	  echo "make asan: no nightly toolchain: rustup toolchain install nightly --profile minimal" >&2; exit 1; }
	RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=1 EDGECMP_STORE_SECONDS=$${EDGECMP_STORE_SECONDS:-30} \
	  rustup run nightly cargo test --locked -p edgecmp --no-default-features --lib \
	  --target "$$(rustc -vV | sed -n 's/^host: //p')" --target-dir "$${CARGO_TARGET_DIR:-target}/asan" \
	  -- store:: facts::entry facts::thread
