# make demo   a phantom, a training from sizes, a report: what medsize does, in minutes
# make test   every check
# make test-data   the long checks on real ACDC (MEDSIZE_TEST_DATA, default ../shared/data)

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO ?= demo

.PHONY: demo test test-data check format install clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[annotate,coco,dev,dicom,onnx,tensorboard]"
	touch $@

demo: install
	rm -rf $(DEMO)
	$(BIN)/medsize data phantom $(DEMO)/phantom
	MEDSIZE_CACHE=$(DEMO)/cache $(BIN)/medsize train phantom --data-root $(DEMO)/phantom --noise 0.08 --output $(DEMO)/run

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not real_data" --cov --cov-report=term --cov-fail-under=95

test-data: install
	$(BIN)/python -m pytest -m real_data
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "fuzz and not real_data" --hypothesis-profile=thorough

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(DEMO) $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
