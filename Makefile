# Every target installs what it needs first. The same builds are CMake presets: `cmake --preset release`.
PRESET ?= release
BUILD := build/$(PRESET)
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

.PHONY: help build demo test test-versions soak bench format format-check lint asan tsan install dist clean

help:
	@echo "make demo            build, and copy a small shop into a DuckDB file, twice"
	@echo "make test            build, and run every test; ends with 'N passed, N failed'"
	@echo "make test-versions   the PostgreSQL tests on versions 10, 12, 13, 14, 16 and 17 too"
	@echo "make build           $(BUILD)/bin/sluice"
	@echo "make bench           speed and memory beside the alternatives that are installed"
	@echo "make asan | tsan     the tests under the sanitizers"
	@echo "make format | lint   clang-format, clang-tidy"
	@echo "make install PREFIX=/usr/local | dist | clean"

$(BUILD)/build.ninja: CMakePresets.json
	@tools/install-deps build
	@tools/fetch-duckdb
	@cmake --preset $(PRESET) >/dev/null

build: $(BUILD)/build.ninja
	@tools/fetch-duckdb
	@cmake --build $(BUILD) -j $(JOBS) -- --quiet

demo: build
	@tools/demo $(BUILD)/bin/sluice

test:
	@tools/install-deps build test
	@$(MAKE) --no-print-directory build
	@tools/fetch-postgres 18 >/dev/null
	@tools/run-tests $(BUILD)

test-versions:
	@tools/install-deps build test
	@$(MAKE) --no-print-directory build
	@for v in 10 12 13 14 16 17; do \
	  echo "PostgreSQL $$v"; \
	  bin=$$(tools/fetch-postgres $$v) && SLUICE_TEST_PG_BIN=$$bin tools/run-tests $(BUILD) contract || exit 1; \
	done

bench: build
	@tools/install-deps bench
	@bench/run $(BUILD)/bin/sluice

asan tsan:
	@$(MAKE) --no-print-directory test PRESET=$@

format:
	@tools/install-deps lint
	@git ls-files '*.cpp' '*.h' | xargs clang-format-14 -i

format-check:
	@tools/install-deps lint
	@git ls-files '*.cpp' '*.h' | xargs clang-format-14 --dry-run -Werror

lint: build
	@tools/install-deps lint
	@git ls-files 'src/*.cpp' | xargs -P $(JOBS) -n 4 clang-tidy-14 -p $(BUILD) --quiet --warnings-as-errors='*' 2>/dev/null

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

dist: build
	@tools/dist $(BUILD)

clean:
	@rm -rf build demo dist
