# The developer's verbs. .ci/run and .github/workflows/ci.yml call the same ones.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# Passed on by test, lock, train, export, verify and the benches: make train ARGS="--preset ... --folder ..."
ARGS ?=
# Processes that share pytest's files among them; 1: one process, as --pdb and -s want it.
PYTEST_WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest $(if $(filter-out 0 1,$(PYTEST_WORKERS)),--numprocesses $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder)

NATIVE_SOURCES := $(shell find native -type f -not -path 'native/tests/*' -not -path 'native/bench/*' \
  -not -path 'native/python/*')
CXX_FILES := $(shell find native -name '*.cc' -o -name '*.h')
NATIVE_BUILD := build/native-tests
ROOFLINE := build/bench/bench/roofline
PYTHON_FILES := $(wildcard service model_export pag native/python tests benchmarks scripts)
# Vulnerabilities that were looked at and do not concern us, each with its reason: --ignore-vuln ID
AUDIT_IGNORED ?=

# What CMake finds by itself; without any of these the headers are fetched into build/.
HEADERS := $(firstword $(wildcard $(addsuffix /onnxruntime_c_api.h, \
  build/onnxruntime-headers/usr/include/onnxruntime build/onnxruntime-headers/usr/include/onnxruntime/core/session \
  /usr/include/onnxruntime /usr/include/onnxruntime/core/session \
  /usr/local/include /usr/local/include/onnxruntime)))
GOOGLETEST := $(firstword $(wildcard /usr/lib/*/cmake/GTest /usr/lib/cmake/GTest /usr/local/lib/cmake/GTest \
  build/googletest/usr/lib/*/cmake/GTest))

# $(1): build folder; $(2): further options of CMake.
define build_native_tests
	$(if $(GOOGLETEST),,scripts/fetch_debian.sh build/googletest libgtest-dev)
	$(BIN)/cmake -G Ninja -S native -B $(1) -DPAG_TESTS=ON -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_PREFIX_PATH=$(abspath build/googletest/usr) $(CMAKE_ARGS) $(2)
	$(BIN)/cmake --build $(1)
endef
# $(1): the compiler's options in place of a release's.
flags = -DCMAKE_BUILD_TYPE=RelWithDebInfo '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=$(1)'
CTEST := $(BIN)/ctest --output-on-failure --no-tests=error --parallel $(shell nproc)
VALGRIND = PERFORATED_CONV_MAX_ISA=avx2 $(or $(shell command -v valgrind),build/valgrind/valgrind) \
  --quiet --error-exitcode=1 --leak-check=full

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: serve
serve: $(VENV)/.serve  ## set up what is missing and run the service on port 8000
	PAG_LOG_FORMAT=$${PAG_LOG_FORMAT:-console} $(BIN)/pag serve

.PHONY: setup
setup: $(VENV)/.dev  ## everything a developer needs, in .venv

.PHONY: lock
lock: $(VENV)/.tools  ## the exact versions in requirements/ anew; ARGS=--upgrade: the newest that pyproject.toml admits
	PYTHON=$(BIN)/python scripts/lock.sh $(ARGS)

.PHONY: check
check: $(VENV)/.dev audit  ## format, lint, types, import contracts, known vulnerabilities
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)

.PHONY: audit
audit: $(VENV)/.dev  ## known vulnerabilities of what is installed; SKIPPED where nobody can be asked
	$(BIN)/python scripts/audit.py $(AUDIT_IGNORED)

.PHONY: format
format: $(VENV)/.dev  ## rewrite the files as check wants them
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/clang-format -i $(CXX_FILES)

.PHONY: test
test: test-native  ## native tests, then pytest
	@scripts/fetch_chromium.sh || echo 'tests of the page will be skipped' >&2
	$(PYTEST) $(ARGS)

.PHONY: test-fast
test-fast: $(VENV)/.dev  ## pytest without what drives a browser, starts processes or takes long
	$(PYTEST) -m 'not browser and not process and not slow' $(ARGS)

.PHONY: test-native
test-native: $(VENV)/.dev  ## the C++ tests alone
	$(call build_native_tests,$(NATIVE_BUILD))
	$(CTEST) --test-dir $(NATIVE_BUILD)

SANITIZED := $(abspath build/native-sanitized/libperforated_conv_ort.so)
.PHONY: test-sanitized
test-sanitized: $(VENV)/.dev  ## C++ tests and those of the operators with address and undefined-behaviour sanitizers
	$(call build_native_tests,build/native-sanitized,-DPAG_SANITIZE=ON $(call flags,-O1 -g1 -D_GLIBCXX_ASSERTIONS))
	$(CTEST) --test-dir build/native-sanitized --exclude-regex Allocation
	@if [ -e $(SANITIZED) ]; then PAG_OP_LIBRARY=$(SANITIZED) scripts/with_asan.sh \
	  $(BIN)/python -m pytest --capture=sys -k 'not lower_levels' $(wildcard tests/contract/test_op_*.py); \
	  else echo 'SKIPPED: the operators in ONNX Runtime, whose headers are missing' >&2; fi

.PHONY: test-races
test-races: $(VENV)/.dev  ## C++ tests of threads with the thread sanitizer
	$(call build_native_tests,build/native-races,$(call flags,-O1 -g1) -DCMAKE_CXX_FLAGS=-fsanitize=thread)
	$(CTEST) --test-dir build/native-races --tests-regex 'Threads|Dense'

.PHONY: test-valgrind
test-valgrind: $(VENV)/.dev  ## C++ tests under valgrind, which knows no AVX-512
	scripts/fetch_valgrind.sh
	$(call build_native_tests,build/native-valgrind,$(call flags,-O2 -g1))
	$(VALGRIND) build/native-valgrind/tests/perforated_conv_tests --gtest_filter='-*EveryDensity*:*deep*:*wide*'
	$(VALGRIND) build/native-valgrind/tests/perforated_conv_hard_tests --gtest_filter='*Random*:*WhatIsRead*'

.PHONY: test-aarch64
test-aarch64: $(VENV)/.dev  ## C++ tests cross-compiled for 64-bit ARM, under an emulator
	scripts/fetch_aarch64.sh
	$(call build_native_tests,build/native-aarch64,-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake)
	$(CTEST) --test-dir build/native-aarch64 --exclude-regex 'Allocation|AtOnce|deep|wide'

.PHONY: bench
bench: $(VENV)/.dev  ## what the service adds to inference; start to ready; memory
	$(BIN)/python -m benchmarks.service_overhead $(ARGS)

.PHONY: bench-op
bench-op: $(VENV)/.dev $(VENV)/.bench $(ROOFLINE)  ## single layers against density, peers and the machine's peaks
	$(BIN)/python -m benchmarks.op_latency $(ARGS)

.PHONY: bench-network
bench-network: $(VENV)/.dev $(VENV)/.bench  ## whole networks against budget and peers; growth with the image
	$(BIN)/python -m benchmarks.network_latency $(ARGS)

.PHONY: bench-load
bench-load: $(VENV)/.dev  ## the service under load; WHAT=sweep, overhead, promises, abandon or soak
	$(BIN)/python -m benchmarks.load.$(or $(WHAT),sweep) $(ARGS)

.PHONY: train
train: $(VENV)/.dev  ## ARGS="--preset NAME --folder runs/NAME"
	$(BIN)/python -m model_export train $(ARGS)

.PHONY: export
export: $(VENV)/.dev  ## a checkpoint becomes weights/NAME/
	$(BIN)/python -m model_export export $(ARGS)

.PHONY: report
report: $(VENV)/.dev  ## docs/report.md of the stored evaluations and times; ARGS="--model weights/NAME" draws photographs
	$(BIN)/python -m model_export report $(ARGS)

.PHONY: verify
verify: $(VENV)/.dev  ## a model folder against its promises
	$(BIN)/python -m model_export verify $(ARGS)

.PHONY: docker
docker:  ## the CPU image; RUNTIME=gpu makes the other
	docker build --build-arg RUNTIME=$(or $(RUNTIME),cpu) -t pag-parse:$(or $(RUNTIME),cpu) .

.PHONY: clean
clean:  ## remove what was built, keep .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## remove .venv too
	rm -rf $(VENV)

$(ROOFLINE): $(wildcard native/bench/*) | $(VENV)/.dev
	$(BIN)/cmake -G Ninja -S native -B build/bench -DPAG_BENCH=ON -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja $(CMAKE_ARGS)
	$(BIN)/cmake --build build/bench --target roofline

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# $(1): names in requirements/. Wheels only: whatever is built from source is built by tools of no fixed version.
locked = $(PIP) install --quiet --only-binary :all: $(foreach name,$(1),--requirement requirements/$(name).txt)

$(VENV)/.tools: requirements/build.txt | $(BIN)/python
	$(call locked,build)
	@touch $@

$(VENV)/.serve-packages: requirements/serve.txt requirements/cpu.txt $(VENV)/.tools
	$(call locked,serve cpu)
	@touch $@

# torch comes in a run of pip of its own, which asks for no hashes.
$(VENV)/.dev-packages: requirements/dev.txt requirements/torch.txt $(VENV)/.serve-packages
	$(call locked,serve cpu dev)
	$(call locked,torch)
	@touch $@

# An editable install, so a changed Python file is seen at once; changed C++ comes here again.
define install
	$(if $(HEADERS),,sh native/fetch_onnxruntime_headers.sh || true)
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c "import perforated_conv as p; print('native operators:', p.library_path() or 'NOT BUILT - models run by their \
	function bodies: right, but slower. A C++17 compiler and ONNX Runtime\'s C headers are needed: CONTRIBUTING.md')"
endef

$(VENV)/.serve: $(VENV)/.serve-packages pyproject.toml $(NATIVE_SOURCES)
	$(install)
	@touch $@

$(VENV)/.dev: $(VENV)/.dev-packages pyproject.toml $(NATIVE_SOURCES)
	$(install)
	@touch $@ $(VENV)/.serve

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev-packages | $(VENV)/.dev
	$(call locked,bench)
	@touch $@
