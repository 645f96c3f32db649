# Everything here works on a machine with Python 3.11+, git and a C compiler; no GPU needed.
# PYTHON     the interpreter that makes .venv           (default python3)
# INPUT      a recorded file for `make demo`             (default: a simulated run)
# GPU_EXTRA  what the targets for a GPU install: gpu, rtx, or none (default gpu)
# MEASURE    words for benchmarks/gpu.py, as --workload A --only frames (default: everything)
# TEST_JOBS  test processes side by side               (default 2)
# TORCH_PIP  extra pip options for torch, for example    --extra-index-url ADDRESS-OF-CPU-WHEELS

PYTHON    ?= python3
INPUT     ?=
GPU_EXTRA ?= gpu
MEASURE   ?=
TORCH_PIP ?=
TEST_JOBS ?= 2
VENV      := .venv
BIN       := $(VENV)/bin
PIP       := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# The packages of the extras one by one, so that a card is measured with those that install here.
PARTS_gpu := nvidia-ml-py torch-tensorrt cupy-cuda13x pylibcugraph-cu13
PARTS_rtx := nvidia-ml-py torch-tensorrt-rtx
SRC       := service kernels tests benchmarks examples

.DEFAULT_GOAL := help
.PHONY: help demo test test-gpu check fmt bench bench-gpu bench-gpu-here bench-quality docs clean

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.engine  ## Set up, then run simulator, service and subscriber (INPUT=FILE replays a recording)
	@$(BIN)/python -m scopeside demo $(if $(INPUT),"$(INPUT)") --out out/demo

test: $(VENV)/.tests  ## Set up with test tools, then run all tests
	@$(BIN)/python -m pytest --numprocesses $(TEST_JOBS) --dist loadfile

test-gpu: $(VENV)/.tests .gpu $(VENV)/.extra-$(GPU_EXTRA)  ## Run every test that needs the NVIDIA GPU of this machine
	@TRITON_INTERPRET=0 GPU_EXTRA=$(GPU_EXTRA) $(BIN)/python -m pytest -m gpu

check: $(VENV)/.tests  ## Formatting, lint, types and import contracts; changes nothing
	@$(BIN)/ruff format --check $(SRC)
	@$(BIN)/ruff check $(SRC)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(VENV)/.tests  ## Format and fix what can be fixed
	@$(BIN)/ruff format $(SRC)
	@$(BIN)/ruff check --fix $(SRC)

bench: $(VENV)/.tests  ## Measure on this machine and refresh benchmarks/results (under ten minutes on two cores)
	@$(BIN)/python benchmarks/run.py

bench-gpu: $(VENV)/.tests .gpu  ## Check and time kernels, engines and frames on this GPU, refresh benchmarks/results
	@for part in $(PARTS_$(GPU_EXTRA)); do \
		$(PIP) install -c constraints.txt $$part || echo "setup: $$part does not install here, and is left out"; \
	done
	@$(BIN)/python benchmarks/gpu.py $(MEASURE)

bench-gpu-here:  ## The same with PYTHON as it is, its torch and what else it has; installs nothing
	@PYTHONPATH="$(CURDIR)/service:$(CURDIR)/kernels$${PYTHONPATH:+:$$PYTHONPATH}" $(PYTHON) benchmarks/gpu.py $(MEASURE)

bench-quality: $(VENV)/.bench  ## Score the label maps against truth and baselines (about half an hour; SCOPESIDE_DATA)
	@$(BIN)/python benchmarks/irradiation.py
	@$(BIN)/python benchmarks/quality --pictures out/quality
	@$(BIN)/python benchmarks/table.py

docs: $(VENV)/.docs  ## Build the documentation as a site into build/site; broken links fail
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build --strict
	@echo "docs: open build/site/index.html"

clean:  ## Remove the environment and everything generated
	rm -rf $(VENV) out build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Scopeside needs Python 3.11 or newer, and $(PYTHON) is {sys.version.split()[0]}: run make PYTHON=python3.11 (or newer).")'
	@echo "setup: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# torch goes first and alone, so that one option can point it at a CPU build (see README).
$(VENV)/.engine: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setup: installing torch (once; the largest part)"
	@$(PIP) install $(TORCH_PIP) -c constraints.txt torch
	@echo "setup: installing scopeside with its CPU engine"
	@$(PIP) install -c constraints.txt -e '.[cpu]'
	@touch $@

.PHONY: .gpu
.gpu: $(VENV)/.tests
	@$(BIN)/python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "No NVIDIA GPU that torch can use: torch is {}; `nvidia-smi` says what the driver sees.".format(torch.__version__))'

$(VENV)/.tests: $(VENV)/.engine
	@echo "setup: installing test tools"
	@$(PIP) install -c constraints.txt -e '.[cpu,test,dev]'
	@$(PIP) install --no-deps ome-zarr==0.10.3 || echo "setup: ome-zarr does not install here; its tests are skipped"
	@touch $@

# Not together in one environment: both bring the module torch_tensorrt.
$(VENV)/.extra-gpu $(VENV)/.extra-rtx: $(VENV)/.extra-%: $(VENV)/.tests
	@echo "setup: installing the extra $*"
	@$(PIP) install -c constraints.txt -e '.[cpu,test,dev,$*]'
	@touch $@

$(VENV)/.extra-none: $(VENV)/.tests
	@touch $@

$(VENV)/.docs: $(VENV)/.tests
	@echo "setup: installing what builds the site"
	@$(PIP) install -c constraints.txt -e '.[cpu,docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.tests
	@echo "setup: installing the baselines"
	@$(PIP) install -c constraints.txt -e '.[cpu,bench]'
	@touch $@
