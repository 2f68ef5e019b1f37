# Every target says what it does, can be repeated, and needs nothing done by hand before.
# Options go in ARGS: make run ARGS="--profile /tmp/second"

scripts := .github/scripts
ARGS ?=
ROWS ?= $(VISAVIS_SCORE_ROWS)
PAIRS ?= $(VISAVIS_SCORE_PAIRS)
SECONDS ?= $(VISAVIS_SCORE_SECONDS)

.PHONY: help run headless test check bench fuzz score score-audio test-camera test-cards test-net test-browser
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, start the window (without a display: a test call in the terminal)
	@$(scripts)/packages build run
	@$(scripts)/run $(ARGS)

headless: ## build the small client and server without window, camera and sound card (target/release/visavis)
	@$(scripts)/packages headless
	cargo build --release --locked --no-default-features

test: ## install what the tests need, run all of them
	@$(scripts)/packages build run test
	@$(scripts)/test $(ARGS)

check: ## format, lints, documentation, dependencies
	@$(scripts)/packages build
	@$(scripts)/check

bench: ## benchmarks, and what a call costs
	@$(scripts)/packages build
	cargo bench --locked --bench '*' $(ARGS)

fuzz: ## a million spoilt inputs for every parser of what comes from elsewhere (VISAVIS_FUZZ_SEED=N for others)
	@$(scripts)/packages build
	VISAVIS_FUZZ=$${VISAVIS_FUZZ:-1000000} cargo test --locked --test fuzz -- --nocapture $(ARGS)

score: ## latency, freezes, rate and cost of calls on bad networks, beside Chromium, as a table (two hours; ROWS=M5,M7 some of it; PAIRS=1, SECONDS=8 fewer and shorter calls)
	@$(scripts)/packages build score
	@VISAVIS_SCORE_ROWS="$(ROWS)" VISAVIS_SCORE_PAIRS="$(PAIRS)" VISAVIS_SCORE_SECONDS="$(SECONDS)" $(scripts)/score picture

score-audio: ## what speech suffers from loss, jitter and echo, beside Chromium, as a table (a quarter of an hour)
	@$(scripts)/packages build score
	@$(scripts)/score speech $(ARGS)

test-net: ## calls over NATs, firewalls and relays, in network namespaces (root, or sudo without a password)
	@$(scripts)/packages build net
	@$(scripts)/test-net $(ARGS)

test-camera: ## the camera path against a real video device, on a small virtual machine
	@$(scripts)/packages build camera
	cargo build --locked --example camera_check
	tests/tools/camera-vm "$${CARGO_TARGET_DIR:-target}/debug/examples/camera_check" $(ARGS)

test-cards: ## sound without a sound server, on cards one of which is pulled out, on a small virtual machine
	@$(scripts)/packages build camera
	@$(scripts)/test-cards

test-browser: ## calls with real browsers: pictures, sound and data, both ways
	@$(scripts)/packages build browser
	@$(scripts)/test-browser $(ARGS)
