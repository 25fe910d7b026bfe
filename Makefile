# Everything a newcomer runs is one word. Each target brings its own environment into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT := demo-run

# The installed package is bdtui.*, the folders are engine/, tui/, sample_data/: mypy sees them through these links.
TYPING := build/typing

.PHONY: demo test coverage quick test-plain-tensorflow check format lint types imports bench rounding applications repairs repair-steps robustness sample screenshots man calibrate-detect clean-nets neural-cleanse sample-estimate many-classes screening clean

demo: $(VENV)/installed
	rm -rf $(DEMO_OUT)
	$(BIN)/bdtui --batch --sample --all --out $(DEMO_OUT)

PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-dev
	$(PYTEST)

# Takes half as long again.
coverage: $(VENV)/installed-dev
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-fail-under=90

# The loop while working: no subprocess, no terminal, no whole run.
quick: $(VENV)/installed-dev
	$(PYTEST) -m "not slow"

# As on processors on which TensorFlow leaves oneDNN out: other rounding, no channels_first convolutions.
test-plain-tensorflow: $(VENV)/installed-dev
	TF_ENABLE_ONEDNN_OPTS=0 $(PYTEST) \
		tests/engine/network tests/engine/evaluation tests/engine/incremental tests/engine/pruning

check: lint types imports coverage

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/installed-dev
	mkdir -p $(TYPING)/bdtui
	for wing in engine tui sample_data; do ln -sfn $(CURDIR)/$$wing $(TYPING)/bdtui/$$wing; done
	cd $(TYPING) && MYPYPATH=. $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml

imports: $(VENV)/installed-dev
	$(BIN)/lint-imports

bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks

# How many rows of saved models depend on the batch size: the table in docs/method.md.
rounding: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.batch_size_rounding

# The lines that verdicts on backdoors are given by, and how often they are wrong: trains a zoo, hours on one core.
calibrate-detect: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.calibrate_detect
	$(BIN)/python -m tests.benchmarks.calibrate_detect --judge
	$(BIN)/python -m tests.benchmarks.calibrate_detect --further

# The other tables of docs/detection.md, minutes each: clean networks as on keras.io, trigger inversion beside Neural
# Cleanse as it was published, the sample's reversed trigger beside its true one, what a hundred classes take.
clean-nets: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.clean_nets

neural-cleanse: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.neural_cleanse

sample-estimate: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.sample_estimate

many-classes: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.many_classes

# Which images carry a trigger, and which of a training pool: the tables in docs/detection.md.
screening: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.screening --write

# Where every network of keras.applications is pruned by default, the large ones too: some gigabytes, some minutes.
applications: $(VENV)/installed-dev
	BDTUI_ALL_APPLICATIONS=1 $(BIN)/python -m pytest -n 0 tests/engine/network/test_default_layer.py

# Every repair on every backdoor of the zoo, into docs/repairs.md: many hours for all; goes on where it was stopped.
REPAIRS :=
repairs: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.repairs $(REPAIRS)

# What a training step of a repair costs beside a plain one: the table in docs/repairs.md, minutes on a machine that does nothing else.
repair-steps: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.repair_steps

robustness: $(VENV)/installed-dev
	$(BIN)/python -m tests.robustness

sample: $(VENV)/installed
	$(BIN)/python -m bdtui.sample_data.make

screenshots: $(VENV)/installed
	$(BIN)/python docs/screenshots/make.py

# The manual page, from the options of the command line.
man: $(VENV)/installed
	$(BIN)/python -m bdtui.tui.commands.man_page > docs/bdtui.1

clean:
	rm -rf $(VENV) build dist *.egg-info $(DEMO_OUT)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bdtui needs Python 3.11 or newer; say make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
