# Fuzzing: t/fuzz/README tells what it is.
#
#   make fuzz                         every target for a minute, one after the other
#   make fuzz TARGET=mime SECONDS=600
#   make fuzzers                      only builds them, in build-fuzz/fuzz
#
# Needs clang with libFuzzer and the sanitizers (packages: etc/packages.list, kind fuzz). In make check the same targets
# are one program of the ordinary compiler that runs over the corpora.

FUZZSRC   := $(sort $(wildcard t/fuzz/*.cc))
FUZZFRAME := $(sort $(wildcard t/fuzz/frame/*.cc))
FUZZOBJ   := $(FUZZFRAME:%.cc=$(BUILD)/o/%.o)
FUZZERS   := $(patsubst t/fuzz/%.cc,$(BUILD)/fuzz/%,$(FUZZSRC))
FUZZ_CXX  ?= $(firstword $(shell command -v clang++-19 clang++-20 clang++-18) clang++)
SECONDS   ?= 60
TARGET    ?= $(patsubst t/fuzz/%.cc,%,$(FUZZSRC))
# The rooms that targets reach, so that clang need not compile the others.
FUZZROOMS  = common mta store popd imapd smtpd lmtpd metermaid dispatcher/settings.cc tools/imsimta/trace_events.cc \
             job_controller/controller_config.cc job_controller/delivery_window.cc $(wildcard job_controller/schedule*.cc) \
             $(addprefix channels/native_master/,dot_lock.cc as_owner.cc mbox.cc maildir.cc) channels/master/local_form.cc \
             channels/pipe_master/program_list.cc channels/autoreply/told.cc channels/defragment/piece.cc \
             $(addprefix channels/conversion/,edition.cc options_file.cc part.cc wire_body.cc)

.PHONY: fuzz fuzzers
fuzz: fuzzers
	@python3 t/fuzz/run --build build-fuzz --seconds $(SECONDS) $(TARGET)

fuzzers:
	@$(PACKAGES) build run fuzz
	@$(BUILDING) BUILD=build-fuzz CXX='$(if $(shell command -v ccache),ccache )$(FUZZ_CXX)' SAN=fuzzer-no-link,address,undefined \
	   OPT='-O1 -g1 -w -D_GLIBCXX_ASSERTIONS -DWAXWING_LIBFUZZER' ROOMS='$(FUZZROOMS)' $(TARGET:%=build-fuzz/fuzz/%)

$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/o/t/fuzz/%.o $(FUZZOBJ) $(LIBRARY)
	@mkdir -p $(@D)
	@printf '  LINK  fuzz/%s\n' $(@F)
	@$(CXX) $(CXXFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

tests: $(BUILD)/t/fuzz
$(BUILD)/t/fuzz: $(BUILD)/o/t/unit/main.o $(FUZZSRC:%.cc=$(BUILD)/o/%.o) $(FUZZOBJ) $(LIBRARY)
	@mkdir -p $(@D)
	@printf '  LINK  t/%s\n' $(@F)
	@$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)
