# A fresh clone needs Python 3.11 or newer, make and a C++ compiler. Every target has its plain
# commands in README.md or CONTRIBUTING.md.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CORE := pyproject.toml CMakeLists.txt $(wildcard src/core/*.* src/core/*/*.*)

# Without ninja the core is built by make, which must be told to use all processors.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell getconf _NPROCESSORS_ONLN)

.PHONY: demo test test-slow test-checked lint docs format bench clean

SPLIT_PLOT := "yield ~ Variety * factor(nitro) + (1 | Block/Variety)"

demo: $(VENV)/.installed  ## fit a split-plot experiment from a CSV file, report on it
	@mkdir -p build/demo
	$(BIN)/henderson data oats --output build/demo/oats.csv
	$(BIN)/henderson fit build/demo/oats.csv $(SPLIT_PLOT) --means nitro --means Variety
	$(BIN)/henderson report build/demo/oats.csv $(SPLIT_PLOT) --output build/demo/report.html

test: lint  ## what must pass before a change is committed
	$(BIN)/python -m pytest -n 2 -q -m "not slow"

test-slow: $(VENV)/.installed-for-tests  ## simulations: sizes of tests, recovery of parameters
	$(BIN)/python -m pytest -n 2 -q -m slow

TWINS := $(addprefix tests/properties/test_,equations_twin.py gaussian_twin.py laplace_twin.py sparse_twin.py families.py)
SITE = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# Linux with GCC. Without -S an editable install would come before the build that is checked.
test-checked: $(VENV)/.installed-for-tests  ## the core stops at what is out of bounds or undefined
	$(BIN)/pip install --quiet --no-deps --upgrade --target build/checked \
	  -C cmake.build-type=Debug -C cmake.define.HENDERSON_CHECKED=ON .
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=build/checked:$(SITE) \
	  $(BIN)/python -S -m pytest -q -m "not slow" $(TWINS)

lint: $(VENV)/.installed-for-tests  ## style, layers, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.installed-for-tests  ## the pages of docs/ as a site in build/site; a broken link fails
	$(BIN)/mkdocs build --strict

format: $(VENV)/.installed-for-tests  ## put the source in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-for-tests  ## time henderson and its peers
	$(BIN)/python -m benchmarks

clean:  ## remove what these targets made
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Editable: changes of Python files take effect at once, those of the core install again.

$(VENV)/.installed: $(CORE)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -e ".[report]"
	touch $@

$(VENV)/.installed-for-tests: $(CORE)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -e ".[test,docs]"
	touch $@ $(VENV)/.installed
