# t/crash: what its short forms in make check need, and its long forms.
# ARGS adds words: make crash-storm ARGS='--seed 7'.
MINUTES ?= 30
CRASH    = WAXWING_BUILD="$$(realpath '$(BUILD)')" python3 -B t/crash

.PHONY: crash-helpers crash-failpoints crash-storm crash-power crash-order crash-disk crash-list crash-rot
crash-helpers: $(BUILD)/crash/recorder.so $(BUILD)/crash/checker
tests: crash-helpers

# Preloaded into the daemons under test, so it must stand alone; it defines open() and open64(), so no _FILE_OFFSET_BITS.
$(BUILD)/crash/recorder.so: $(wildcard t/crash/recorder/*.cc t/crash/recorder/*.h)
	@mkdir -p $(@D)
	@printf '  LINK  crash/recorder.so\n'
	@$(CXX) -I. -D_GNU_SOURCE $(filter-out -fsanitize=%,$(CXXFLAGS)) -fPIC -fvisibility=hidden -shared -o $@ $(filter %.cc,$^)

$(BUILD)/crash/checker: $(BUILD)/o/t/crash/checker/main.o $(LIBRARY)
	@mkdir -p $(@D)
	@printf '  LINK  crash/checker\n'
	@$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

crash-failpoints: stage
	@$(CRASH)/test_failpoints.py --long $(ARGS)

crash-storm: stage
	@$(CRASH)/test_storm.py --minutes $(MINUTES) $(ARGS)

crash-disk: stage crash-helpers
	@$(CRASH)/test_disk.py --long $(ARGS)

crash-list: stage crash-helpers
	@$(CRASH)/test_list.py --long $(ARGS)

crash-rot: stage crash-helpers
	@$(CRASH)/test_rot.py --damages 3000 $(ARGS)

crash-power: stage crash-helpers
	@$(CRASH)/test_power.py --cuts 5000 $(ARGS)

crash-order: stage crash-helpers
	@$(CRASH)/test_order.py --cuts 5000 --segments 4 $(ARGS)
