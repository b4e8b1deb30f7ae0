# make processed   build processed/<dataset>/ from raw/, redoing only what changed   (CONFIG=other.toml for another,
#                  CONFIG="a.toml b.toml" for several; LAYOUT=causal for another layout, in
#                  processed/<dataset>-causal/; TOKENIZER=folder; SET="tokenize.max_length=1024 mix.seed=2")
# make test        run the tests (three minutes on two cores)
# make test-long   run those of whole commands (killed, side by side, short of memory), of many rows, and of time by length
# make test-train  run the tests that need torch or TRL (installs them)
# make test-trainers  load the text forms with TRL and compare what it trains (installs it apart; also with
#                  test-axolotl, test-torchtune, which take long to install)
# make test-ray    more than one machine: clusters of Ray on this one, and object stores (installs both apart)
# make test-browser  look at the report in a browser (chromium from the distribution; installs playwright apart)
# make test-kill   kill KILLS=100 runs of each way at random moments; the next run must give the same bytes
# make test-attack damage ATTACKS=1500 files of each kind, and try the laws on RANDOM_ROWS=40000 rows (see below)
# make fuzz        break files at random for SECONDS=60, in search of one that ingest fails on (installs atheris)
# make audit       list the licences of the dependencies, and their known weaknesses (installs pip-audit; online)
# make docs        write docs/reference.md from the code
# make check       lint and types
# make bench       run the benchmarks and write their tables and benchmarks/README.md (data: KOBERT_SPIECE, KO_INSTRUCT_DATA)
# make bench-check run them again and compare the ratios with the tables; fails where one is 15 % worse
# make clean       remove all stage files; raw/ and processed/ stay

CONFIG ?= pipeline.toml
PYTHON ?= python3
VENV   ?= .venv
KO     := $(VENV)/bin/ko-instruct
SETS   := $(foreach change,$(SET),--set '$(change)')
CHANGED := $(if $(LAYOUT),--layout $(LAYOUT)) $(if $(TOKENIZER),--tokenizer "$(TOKENIZER)") $(SETS)

# No .DELETE_ON_ERROR: every target appears whole or not at all, and the old one is good until then.
.PHONY: processed test test-long test-train test-trainers test-axolotl test-torchtune test-ray test-browser test-kill test-attack fuzz audit check docs bench bench-check clean embedded

# CONFIG is one path, which may hold spaces, where there is such a file; else it is a list of paths.
processed: $(VENV)/.installed
	@trap 'echo "Stopped. What is finished stays: run the same command again to go on." >&2' INT; \
	if test -f "$(CONFIG)"; then set -- "$(CONFIG)"; else set -- $(CONFIG); fi; for config in "$$@"; do \
		$(KO) make-plan --config "$$config" $(CHANGED) -- $(MAKE) --no-print-directory dataset CONFIG="$$config" || exit; \
	done

# --- the chain: the rows of each raw file, then dedupe and export over all of them -----------------------------------
# `make-plan` locks the dataset and becomes the inner Make, so that the stages work under its lock.
# The plan gives the raw files (UNITS), the names of their stage files, and a stamp for each stage: a file that holds
# its options, its code and the versions of its libraries, rewritten only when one of these changes.
ifdef PLAN
include $(PLAN)

.PHONY: dataset
dataset: $(FOLDER)/manifest.json
	@$(if $(WRITTEN),:,echo "$(FOLDER) is up to date")

# The row-wise stages of a raw file are one step: to start a process and to write all rows takes longer than most of
# them. The step keeps the rows before `tokenize` too, and begins with these when only TOKENIZING has changed.
# RAW is given for large files alone: what is small, the next step reads itself.
$(STAGES)/%/$(TOKENIZED) $(STAGES)/%/$(FINGERPRINTS): $(STAGES)/%/$(SOURCE) $(CLEANING) $(TOKENIZING)
	@$(if $(RAW),$(KO) make-rows $(RAW) $(if $(filter-out $(TOKENIZING),$?),,--cleaned) --config "$(CONFIG)" $(CHANGED))

# The duplicates of all rows, and the dataset, are one step, too: what is decided already, it does not decide again.
$(FOLDER)/manifest.json: $(UNITS:%=$(STAGES)/%/$(FINGERPRINTS)) $(UNITS:%=$(STAGES)/%/$(TOKENIZED)) \
		$(UNITS:%=$(STAGES)/%/$(SOURCE)) $(CLEANING) $(TOKENIZING) $(DEDUPING) $(EXPORTING)
	@$(KO) make-dataset --config "$(CONFIG)" $(CHANGED)$(eval WRITTEN := yes)

.SECONDARY:
# Ctrl-C does not delete the stage files of the run before: what a step writes takes their place only when it is whole.
.PRECIOUS: $(STAGES)/%/$(TOKENIZED) $(STAGES)/%/$(FINGERPRINTS) $(FOLDER)/manifest.json
endif

# --- the tools -------------------------------------------------------------------------------------------------------
COMMA := ,
# Install with pip and name each package as its turn comes: the first time takes minutes. Errors are on stderr.
define install
@{ $(1) -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e $(2); echo $$? > $@.status; } \
	| awk '/^Collecting/ { print "  " $$2; fflush() } /^Installing collected/ { print "  installing them"; fflush() }'; \
	status=$$(cat $@.status); rm $@.status; exit $$status
endef

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("ko-instruct needs Python 3.11 or later, and $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV) (once; this takes some minutes)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(call install,$(VENV)/bin/python,.)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(call install,$(VENV)/bin/python,'.[dev]')
	@touch $@

# Compiled code is kept, whatever the environment says: tests start many processes of ko-instruct. One test process more
# than cores: some tests wait for a server, a signal or another process.
PYTEST = PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist worksteal

test: $(VENV)/.installed-dev
	@$(PYTEST) -m "not long and not train and not trainers and not ray and not browser"

test-long: $(VENV)/.installed-dev
	@$(PYTEST) -m long

# Train the embedded vocabulary again, after a change of raw/sample.
embedded: $(VENV)/.installed
	@$(VENV)/bin/python -m scripts.train_embedded

# The tables that need no other tool; BENCH="ingest" and others by name (each file lists what it needs). Then the page of
# all tables, which fails where a figure of a README is not in its table.
BENCH ?= tokenizer chain chain_long limits one_file_more
bench: $(VENV)/.installed-dev
	@for name in $(BENCH); do \
		$(VENV)/bin/python -m benchmarks.$$name > benchmarks/.$$name.part || exit 1; \
		mv benchmarks/.$$name.part benchmarks/$$name.md && cat benchmarks/$$name.md; \
	done
	@$(VENV)/bin/python -m benchmarks.page

bench-check: $(VENV)/.installed-dev
	@$(VENV)/bin/python -m benchmarks.check $(filter-out limits one_file_more,$(BENCH))

# The tests that need torch or TRL: the step from processed/ to training.
test-train: $(VENV)/.installed-train
	@$(VENV)/bin/python -m pytest -m train

# The text forms in the trainers that read them, each in an environment of its own: TRL with the versions of
# constraints.txt, the others with those that they ask for.
STORE := s3fs==2026.7.0 gcsfs==2026.7.0 fsspec==2026.7.0 botocore==1.43.117 'moto[server]==5.2.5' \
	gcp-storage-emulator==2026.7.19 pyspark==4.3.0
TRAINERS := .venv-trainers
AXOLOTL := axolotl==0.19.0
TORCHTUNE := torchtune==0.6.1 torchao==0.14.1 torch==2.13.0

test-trainers: $(TRAINERS)/.installed
	@$(TRAINERS)/bin/python -m pytest -m trainers

test-axolotl: .venv-axolotl/.installed
	@.venv-axolotl/bin/python -m pytest -m trainers -p no:anyio -W ignore tests/trainers/test_axolotl.py

test-torchtune: .venv-torchtune/.installed
	@.venv-torchtune/bin/python -m pytest -m trainers -W ignore tests/trainers/test_torchtune.py

$(TRAINERS)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(TRAINERS)
	$(call install,$(TRAINERS)/bin/python,'.[dev$(COMMA)trl]')
	@touch $@

.venv-axolotl/.installed: PEER := $(AXOLOTL)
.venv-torchtune/.installed: PEER := $(TORCHTUNE)
.venv-axolotl/.installed .venv-torchtune/.installed: pyproject.toml Makefile
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PEER) pytest hypothesis -e .
	@touch $@

# More than one machine, in an environment of its own. What s3fs, gcsfs and moto need is at odds with constraints.txt.
test-ray: .venv-ray/.installed
	@.venv-ray/bin/python -m pytest -m ray

.venv-ray/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(@D)
	$(call install,$(@D)/bin/python,'.[dev$(COMMA)ray]')
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(STORE)

# The report in a browser that is installed: CHROMIUM=path, or the first of chromium, chromium-browser, google-chrome.
BROWSER_TOOLS := playwright==1.65.2 axe-playwright-python==0.1.8
export CHROMIUM

test-browser: .venv-browser/.installed
	@.venv-browser/bin/python -m pytest -m browser -n 0 tests/browser

.venv-browser/.installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(BROWSER_TOOLS) -e '.[dev]'
	@touch $@

$(VENV)/.installed-train: $(VENV)/.installed-dev
	$(call install,$(VENV)/bin/python,'.[trl]')
	@touch $@

# 100 take a quarter of an hour. Another SEED gives other moments; ROWS: rows of a generated file, read beside one of
# raw/sample.
KILLS ?= 100
SEED  ?= 1
ROWS  ?= 5000

test-kill: $(VENV)/.installed-dev
	@KILLS=$(KILLS) SEED=$(SEED) ROWS=$(ROWS) $(VENV)/bin/python -m tests.kills

# Damaged Arrow, Parquet, JSON Lines and dataset files through every command and the page of browse: ATTACKS files of each
# kind, from SEED. Twice as many requests that no page makes. As many texts of repeated units for each fix, finder and
# kind; the laws on RANDOM_ROWS rows; every signal; runs with few files and little memory.
ATTACKS ?= 1500
RANDOM_ROWS ?= 40000
# Tests that have not begun after so many minutes are skipped, and counted as such; the last ones may take two more.
MINUTES ?= 13
test-attack: $(VENV)/.installed-dev
	@ATTACK_UNTIL=$$(($$(date +%s) + 60 * $(MINUTES))) ATTACKS=$(ATTACKS) RANDOM_ROWS=$(RANDOM_ROWS) SEED=$(SEED) \
		$(VENV)/bin/python -m pytest -q -n auto tests/commands/test_environments.py tests/commands/test_signals.py \
		tests/test_linear_time.py tests/test_patterns.py tests/test_laws_on_random_rows.py \
		tests/commands/test_damaged_files.py tests/browse/test_hostile_requests.py tests/stages/ingest/test_odd_values.py

# The search for files that break ingest, which needs atheris.
SECONDS ?= 60

fuzz: $(VENV)/.installed-fuzz
	@$(VENV)/bin/python -m tests.fuzz_ingest -max_total_time=$(SECONDS)

$(VENV)/.installed-fuzz: $(VENV)/.installed-dev
	$(call install,$(VENV)/bin/python,'.[excel$(COMMA)fuzz]')
	@touch $@

audit: $(VENV)/.installed-audit
	@$(VENV)/bin/python -m scripts.licenses
	@$(VENV)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

$(VENV)/.installed-audit: $(VENV)/.installed-dev
	$(call install,$(VENV)/bin/python,'.[audit]')
	@touch $@

check: $(VENV)/.installed-dev
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

docs: $(VENV)/.installed-dev
	@$(VENV)/bin/python -m scripts.reference

clean: $(VENV)/.installed
	@$(KO) make-forget processed/.stages
