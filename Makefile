# Two commands do everything: `make demo` and `make test`. Both make the environment on their first call.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the demo needs is installed first; tests and checks add to it.
DEMO := $(VENV)/.privet-demo
DEV := $(VENV)/.privet-dev
PEERS := .venv-peers
ANONYMITY := .venv-anonymity
# Histogram boosting crawls with two threads on a busy machine, and one thread is what benchmarks quote.
export OMP_NUM_THREADS ?= 1
# Processes that tests run in, a file of them in one.
WORKERS ?= 2

.PHONY: help demo test test-cuda test-kills check format bench bench-training bench-utility bench-deidentify clean
help:
	@echo "make demo    run the first study on real health records and print where its report is"
	@echo "make test    every test"
	@echo "make test-cuda   the tests of training on a GPU, where there is one"
	@echo "make test-kills  a thousand kills leave no uncharged release and no part of a file"
	@echo "make check   format, lint, types, strata"
	@echo "make bench-training  private training steps beside plain ones and the peers'"
	@echo "make bench   every figure of the README, printed and kept in benchmarks/results"
	@echo "make bench-deidentify  detection, operators, risk, search and the vault beside their peers; about ten minutes"
	@echo "make bench-utility  accuracy at a budget on real data; PRIVET_DATA says where they are; about an hour"

$(DEMO): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[demo]"
	@touch $@

$(DEV): $(DEMO)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# Peers need other versions of what we use, so they live apart.
$(PEERS)/.installed: benchmarks/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -r benchmarks/peers.txt
	@touch $@

$(ANONYMITY)/.installed: benchmarks/anonymity_peers.txt
	@test -x $(ANONYMITY)/bin/python || $(PYTHON) -m venv $(ANONYMITY)
	$(ANONYMITY)/bin/python -m pip install --quiet -r benchmarks/anonymity_peers.txt
	@touch $@

demo: $(DEMO)
	@$(BIN)/privet demo

test: $(DEV)
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

# Where there is a GPU: what it changes, and the layers' tests on it. Those that look into arrays or processes stay here.
test-cuda: $(DEV)
	@$(BIN)/python -m pytest -q tests/noise tests/training/device
	@PRIVET_TEST_DEVICE=cuda $(BIN)/python -m pytest -q tests/training/per_example/test_support.py tests/training/per_example/test_compiled.py

# A thousand kills of each kind at random moments: the ledger, the vault, a table; about half an hour on two cores.
test-kills: $(DEV)
	@PRIVET_LONG_TESTS=1 $(BIN)/python -m pytest -q tests/ledger/test_crash.py tests/cli/test_crash.py -k "thousand or 1000"

check: $(DEV)
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(DEV)
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: $(DEV) $(PEERS)/.installed bench-deidentify
	$(BIN)/python benchmarks/run.py --peer-python $(PEERS)/bin/python

# Training steps alone, beside Opacus (and fastDP where FASTDP_PATH says where it is); about half an hour.
bench-training: $(DEV) $(PEERS)/.installed
	$(BIN)/python benchmarks/training.py --peer-python $(PEERS)/bin/python
	$(BIN)/python benchmarks/training.py --peer-python $(PEERS)/bin/python --avx2
	$(BIN)/python benchmarks/training_memory.py --peer-python $(PEERS)/bin/python

bench-utility: $(DEV)
	$(BIN)/python benchmarks/utility.py

bench-deidentify: $(DEV) $(PEERS)/.installed $(ANONYMITY)/.installed
	$(BIN)/python benchmarks/run.py --only detection operators deidentify vault --peer-python $(PEERS)/bin/python
	PYTHONPATH=src $(ANONYMITY)/bin/python -m pytest -q -c /dev/null --rootdir . -p no:cacheprovider tests/deidentify/models -k pycanon
	$(BIN)/python benchmarks/anonymity.py --slow-peers --peer-python $(ANONYMITY)/bin/python

clean:
	rm -rf $(VENV) $(PEERS) $(ANONYMITY) build dist .pytest_cache .mypy_cache .ruff_cache
