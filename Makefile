# Every target installs what it needs first. The same builds are CMake presets: `cmake --preset release`.
PRESET ?= release
BUILD := build/$(PRESET)
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
# ON: eight files at a time are compiled as one, for a build from nothing that nobody goes on working in.
UNITY ?= OFF
SEEDS ?= 1..2000
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
MAKEFLAGS += --no-print-directory

SOURCES = find include src tests bench examples -name '*.cpp' -o -name '*.h' 2>/dev/null

.PHONY: help build all-programs demo test test-versions soak bench format format-check lint asan tsan install dist clean

help:
	@echo "make demo            build, and copy a small shop into a DuckDB file, twice"
	@echo "make test            build, and run every test; ends with 'N passed, N failed'"
	@echo "make test-versions   the PostgreSQL tests on versions 10 to 14, 16 and 17 too"
	@echo "make soak            seeded histories of writers, runs and crashes: SEEDS=$(SEEDS)"
	@echo "make build           $(BUILD)/bin/sluice"
	@echo "make bench           speed and memory beside the alternatives that are installed"
	@echo "make asan | tsan     the tests under the sanitizers"
	@echo "make format | format-check | lint    clang-format, clang-tidy"
	@echo "make install PREFIX=$(PREFIX) | dist | clean"

$(BUILD)/build.ninja: CMakePresets.json tools/install-deps tools/fetch-duckdb
	@tools/install-deps build
	@tools/fetch-duckdb
	@cmake --preset $(PRESET) -DCMAKE_UNITY_BUILD=$(UNITY) >/dev/null
	@touch $@

build: $(BUILD)/build.ninja
	@tools/fetch-duckdb
	@cmake --build $(BUILD) -j $(JOBS) --target sluice -- --quiet

all-programs: $(BUILD)/build.ninja
	@tools/fetch-duckdb
	@cmake --build $(BUILD) -j $(JOBS) -- --quiet

demo: build
	@cmake --build $(BUILD) -j $(JOBS) --target run_sql -- --quiet
	@tools/demo $(BUILD)/bin/sluice

test:
	@tools/install-deps build test
	@$(MAKE) all-programs
	@tools/run-tests $(BUILD) --postgres 15,18

test-versions:
	@tools/install-deps build test
	@$(MAKE) all-programs
	@tools/run-tests $(BUILD) --postgres 10,11,12,13,14,16,17 'postgres*'

soak:
	@tools/install-deps build test
	@$(MAKE) build
	@cmake --build $(BUILD) -j $(JOBS) --target history_tests mysql_history_tests yugabyte_history_tests -- --quiet
	@SLUICE_HISTORY_SEEDS=$(SEEDS) $(BUILD)/bin/history_tests
	@SLUICE_HISTORY_SEEDS=$(SEEDS) $(BUILD)/bin/mysql_history_tests
	@SLUICE_HISTORY_SEEDS=$(SEEDS) $(BUILD)/bin/yugabyte_history_tests

bench:
	@tools/install-deps build bench
	@$(MAKE) all-programs
	@bench/run $(BUILD)/bin/sluice

# libduckdb itself is not instrumented; tools/*.supp says what is not looked at because of that. No search for deadlocks:
# it dies where DuckDB, in one UPDATE, holds more than the 64 locks that it can count.
asan tsan: export LSAN_OPTIONS := suppressions=$(CURDIR)/tools/lsan.supp
asan tsan: export TSAN_OPTIONS := suppressions=$(CURDIR)/tools/tsan.supp ignore_noninstrumented_modules=1 detect_deadlocks=0
asan tsan:
	@$(MAKE) test PRESET=$@

format:
	@tools/install-deps lint
	@$(SOURCES) | xargs -r clang-format-14 -i

format-check:
	@tools/install-deps lint
	@$(SOURCES) | xargs -r clang-format-14 --dry-run -Werror

# Each file by itself, however the build compiles them: an #include that is missing shows here.
lint: $(BUILD)/build.ninja
	@tools/install-deps lint
	@cmake --preset $(PRESET) -B build/lint -DCMAKE_UNITY_BUILD=OFF >/dev/null
	@cmake --build build/lint --target generated -- --quiet
	@tools/lint build/lint

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

dist: build
	@tools/dist $(BUILD)

clean:
	@rm -rf build demo dist
