# A long run of mixed load that prints what the daemons hold: make soak MINUTES=30

MINUTES ?= 30

.PHONY: soak
soak:
	@$(PACKAGES) build run
	@$(BUILDING) stage
	@WAXWING_BUILD='$(CURDIR)/$(BUILD)' python3 t/soak/soak.py --minutes $(MINUTES)
