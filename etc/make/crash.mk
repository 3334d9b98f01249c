# The long forms of t/crash; their short forms are part of make check. ARGS adds words: make crash-storm ARGS='--seed 7'.
MINUTES ?= 30

.PHONY: crash-failpoints crash-storm
crash-failpoints: stage
	@WAXWING_BUILD=$(abspath $(BUILD)) python3 -B t/crash/test_failpoints.py --long $(ARGS)

crash-storm: stage
	@WAXWING_BUILD=$(abspath $(BUILD)) python3 -B t/crash/test_storm.py --minutes $(MINUTES) $(ARGS)
