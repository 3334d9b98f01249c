# What people call: demo, check, stage, install, and the checks of style.
# NO_INSTALL=1 leaves the installation of packages to somebody else.

JOBS     ?= $(shell nproc)
PACKAGES  = $(if $(NO_INSTALL),true,etc/install-packages)
# A make of its own: compiler, linker and cache are looked for again after the packages are there.
BUILDING  = python3 etc/make/progress.py $(MAKE) --no-print-directory -j$(JOBS)
DEMO      = run/demo

.PHONY: demo demo-stop check bench stage install format-check packages
packages:
	@$(PACKAGES) build run

demo:
	@etc/make/ours $(BUILD)
	@$(PACKAGES) build run
	@$(BUILDING) stage
	@python3 tools/demo/demo.py $(STAGE) $(DEMO)

demo-stop:
	@python3 tools/demo/demo.py --stop $(STAGE) $(DEMO)

check:
	@etc/make/ours $(BUILD)
	@$(PACKAGES) build run test
	@$(BUILDING) stage tests
	@$(MAKE) --no-print-directory layers
	@python3 t/run --build $(BUILD)

# Figures of this version against a sandbox of its own: t/bench/README.md. WORKLOADS="W1 W3" takes some only.
bench:
	@etc/make/ours $(BUILD)
	@$(PACKAGES) build run
	@$(BUILDING) stage $(LOAD)
	@python3 t/bench/bench.py --build $(BUILD) $(WORKLOADS)

# ---- the installed tree -------------------------------------------------------------------------
PREFIX ?= /opt/waxwing

# Hard links where they can be: a second `make stage` costs nothing and programs are on the disk once.
stage: bins
	@mkdir -p $(STAGE)/bin $(STAGE)/lib $(STAGE)/etc $(STAGE)/man
	@for p in $(notdir $(BINS)); do cp -lf $(BUILD)/bin/$$p $(STAGE)/bin/$$p 2>/dev/null || cp -f $(BUILD)/bin/$$p $(STAGE)/bin/$$p; done
	@etc/make/lay-out $(STAGE)

install:
	@$(PACKAGES) build run
	@$(BUILDING) stage
	@mkdir -p "$(DESTDIR)$(PREFIX)"
	@etc/make/install-tree $(STAGE) "$(DESTDIR)$(PREFIX)" "$(PREFIX)"

# ---- style --------------------------------------------------------------------------------------
TIDY    ?= $(firstword $(shell command -v clang-tidy-19 clang-tidy-20 clang-tidy-18 clang-tidy-17 clang-tidy-16) clang-tidy)

format-check:
	@$(PACKAGES) check
	@clang-format --dry-run -Werror $(STYLED) && echo 'format-check: all files are as clang-format would have them'

tidy:
	@$(PACKAGES) check
	@printf '%s\n' $(SOURCES) $(TESTSRC) | xargs -P $(JOBS) -n 4 etc/make/tidy $(TIDY) '-std=c++23 $(CPPFLAGS) -I$(BUILD)'
