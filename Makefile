# Waxwing: one non-recursive Makefile.
#
#   make            build everything under build/
#   make demo       install what is missing, build, start a private server, send and read one message
#   make check      build and run every test under t/
#   make stage      lay out the installed tree in build/stage
#   make layers     check who includes whom (the table is etc/layers)
#   make SAN=address,undefined check    the same with sanitizers, in a build folder of its own
#   make fuzz       look for inputs that break a parser (t/fuzz/README)
#
# Rules of the house: a folder with a main.cc is a program named after the folder; every other .cc
# goes into one archive, from which each program links what it needs. No list of files is kept here.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

comma := ,
SAN   ?=
BUILD ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
STAGE ?= $(BUILD)/stage

CXX      := $(if $(shell command -v ccache),ccache )g++
LINKER   := $(if $(shell command -v mold),-fuse-ld=mold)
OPT      ?= -O2 -g1
CXXFLAGS += -std=c++23 $(OPT) -pthread -fstack-protector-strong -Wall -Wextra -Werror -Wno-missing-field-initializers \
            -Wno-maybe-uninitialized -Wno-free-nonheap-object \
            $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -Wno-restrict)
# g++ 12 sees the two warnings that are off where std::expected and coroutine frames meet optimisation; it is wrong there.
# With the sanitizers' own code in between it is wrong about overlapping copies, too.
# Berkeley DB reports by return value here, never by exception; OpenLDAP's old blocking calls stay off.
CPPFLAGS += -I. -DDB_CXX_NO_EXCEPTIONS -D_FILE_OFFSET_BITS=64 -DFMT_HEADER_ONLY=0
LDFLAGS  += -pthread -Wl,--as-needed $(LINKER) $(if $(SAN),-fsanitize=$(SAN))
LDLIBS   := -levent_core -levent_pthreads -lssl -lcrypto -lldap -llber -ldb_cxx -lunbound -lidn2 \
            -licuuc -licui18n -licudata -lfmt -lcrypt -lz -lxxhash -lre2 -ledit

ROOMS    := common mta store dispatcher metermaid job_controller smtpd lmtpd channels imapd popd mshttpd mmp watcher tools
SOURCES  := $(shell find $(wildcard $(ROOMS)) -name '*.cc' | sort)
STYLED    = $(shell find $(wildcard $(ROOMS)) t -name '*.cc' -o -name '*.h')
MAINS    := $(filter %/main.cc,$(SOURCES))
PROGRAMS := $(patsubst %/main.cc,%,$(MAINS))
BINS     := $(foreach p,$(PROGRAMS),$(BUILD)/bin/$(notdir $(p)))
LIBRARY  := $(BUILD)/libwaxwing.a
LIBOBJ   := $(patsubst %.cc,$(BUILD)/o/%.o,$(filter-out %/main.cc,$(SOURCES)))

TESTSRC  := $(shell find t/unit -name '*.cc' | sort)
TESTOWN  := $(wildcard t/unit/*.cc)
TESTROOMS:= $(sort $(foreach f,$(filter-out $(TESTOWN),$(TESTSRC)),$(word 3,$(subst /, ,$(f)))))
TESTBINS := $(TESTROOMS:%=$(BUILD)/t/%)

.PHONY: all bins tests clean layers format tidy
all: bins
bins: $(BINS)
LOADSRC  := $(sort $(wildcard t/bench/load/*.cc))
BENCHSRC := $(LOADSRC) t/bench/commits/main.cc
LOAD     := $(BUILD)/bench/load
COMMITS  := $(BUILD)/bench/commits
tests: $(TESTBINS) $(LOAD) $(COMMITS)

# ---- compile ------------------------------------------------------------------------------------
$(BUILD)/o/%.o: %.cc
	@mkdir -p $(@D)
	@printf '  C++   %s\n' $<
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

# Which commit this is: written anew only when it is another one. Looked at whenever make runs and not by a rule, which
# would have make -n, and so etc/make/progress.py, count every program as one to be linked.
ignored := $(shell mkdir -p '$(BUILD)' && etc/make/version '$(BUILD)/version.inc' 2>&1)
$(BUILD)/version.inc:
	@mkdir -p $(@D)
	@etc/make/version $@
$(BUILD)/o/common/base/version.o: $(BUILD)/version.inc
$(BUILD)/o/common/base/version.o: CPPFLAGS += -I$(BUILD)

$(LIBRARY): $(LIBOBJ)
	@rm -f $@ && ar rcsT $@ $^

# One link rule per program: folder/main.o and the archive.
define program
$(BUILD)/bin/$(notdir $(1)): $(BUILD)/o/$(1)/main.o $(LIBRARY)
	@mkdir -p $$(@D)
	@printf '  LINK  %s\n' $$(@F)
	@$(CXX) $$(CXXFLAGS) $$(LDFLAGS) -o $$@ $$< $(LIBRARY) $$(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# One test binary per room: t/unit/<room>/*.cc, and what all of them have, t/unit/*.cc.
define testroom
$(BUILD)/t/$(1): $(TESTOWN:%.cc=$(BUILD)/o/%.o) $(patsubst %.cc,$(BUILD)/o/%.o,$(filter t/unit/$(1)/%,$(TESTSRC))) $(LIBRARY)
	@mkdir -p $$(@D)
	@printf '  LINK  t/%s\n' $$(@F)
	@$(CXX) $$(CXXFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(LIBRARY) $$(LDLIBS)
endef
$(foreach r,$(TESTROOMS),$(eval $(call testroom,$(r))))

# The load generator of the benchmarks: t/bench/load.
$(LOAD): $(LOADSRC:%.cc=$(BUILD)/o/%.o) $(LIBRARY)
	@mkdir -p $(@D)
	@printf '  LINK  bench/load\n'
	@$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

# What a durable commit costs by itself: t/bench/commits.
$(COMMITS): $(BUILD)/o/t/bench/commits/main.o $(LIBRARY)
	@mkdir -p $(@D)
	@printf '  LINK  bench/commits\n'
	@$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

-include $(shell find $(BUILD)/o -name '*.d' 2>/dev/null)

# ---- checks -------------------------------------------------------------------------------------
layers:
	@python3 t/layers.py

format:
	@clang-format -i $(STYLED)

clean:
	rm -rf $(BUILD)

-include etc/make/*.mk
