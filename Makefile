# Whet: see README.md. `make` builds build/release/whet.
#   make setup         install the Debian packages that building needs
#   make web           build the dashboard, build/web
#   make demo          build, fetch a model, find the faces on a photograph, measure it in float and INT8
#   make fleet-demo    a server, three devices, a rollout that arrives and two that are taken back
#   make test          build and run the tests (some 30 minutes on two cores)
#   make test-all      the same under the sanitizers, the fuzzers, the tests on 64-bit Arm, clang-tidy
#   make test-faults  50,000 lives of a device whose disk fails at random
#   make bench-peers   latency beside ONNX Runtime, measured in the same run
#   make docs          the table of operators, docs/operators.md
#   make format, lint  clang-format, clang-tidy (lint-changed: only what the last 20 commits changed)
SHELL := /bin/bash
BUILD := build/release
# Ninja's own choice, two more, takes a tenth longer on two processors.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

.PHONY: all setup configure web demo fleet-demo test test-all test-faults test-asan test-fuzz test-aarch64 bench-peers docs format lint lint-changed clean

all: setup configure
	cmake --build $(BUILD)

setup:
	@scripts/setup.sh build

configure:
	@mkdir -p build && { cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }; }

web:
	@scripts/build_web.sh

demo:
	@scripts/demo.sh

fleet-demo:
	@scripts/fleet_demo.sh

test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory configure
	cmake --build $(BUILD)
	ctest --preset release

test-all:
	@scripts/setup.sh test-all
	@$(MAKE) --no-print-directory test lint test-faults test-asan test-fuzz test-aarch64

# 50,000 lives of a device whose disk fails at random, in memory and by libfiu in system calls.
test-faults: configure
	@scripts/setup.sh test
	cmake --build $(BUILD) --target agent_faults
	$(BUILD)/tests/agent_faults 45000 $(BUILD)/agent_faults
	LD_PRELOAD=/usr/lib/fiu/fiu_posix_preload.so $(BUILD)/tests/agent_faults 5000 /dev/shm/whet_agent_faults --posix

test-asan:
	cmake --preset asan
	cmake --build --preset asan
	ctest --preset asan

test-fuzz:
	scripts/fuzz.sh

test-aarch64:
	scripts/aarch64_root.sh
	cmake --preset aarch64
	cmake --build --preset aarch64
	ctest --preset aarch64

bench-peers: all
	@scripts/setup.sh test
	bench/peers/run $(or $(ARGS),--out docs/benchmarks.md)

docs: all
	$(BUILD)/whet ops --markdown >docs/operators.md

format:
	git ls-files '*.cc' '*.h' '*.hpp' '*.c' | xargs clang-format-19 -i

lint:
	scripts/tidy.sh

lint-changed:
	@scripts/setup.sh lint
	scripts/tidy.sh --changed 20

clean:
	rm -rf build
