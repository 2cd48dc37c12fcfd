# make demo   a phantom, a training from sizes, a report: what medsize does, in minutes
# make test   every check
# make test-cpus   what computes, under each of the instruction sets and numbers of threads that users have
# make test-data   the long checks: real data (MEDSIZE_TEST_DATA, default ../shared/data), readers under thousands of inputs

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO ?= demo
# `make test COVERAGE=95` also asks for 95 % of the lines, as .ci/run does; to count them doubles the time of Python code.
COVERAGE ?=

# The rooms whose tests compute, and what a torch on another machine would compute with.
NUMERIC = $(addprefix tests/,losses metrics networks data supervision inference evaluation training export)
CPU_plain = ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1
CPU_avx2 = ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1
CPU_threads = ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=2

.PHONY: demo test test-cpus test-data check format install clean

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
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not real_data" $(if $(COVERAGE),--cov --cov-report=term --cov-fail-under=$(COVERAGE))

test-cpus: test-cpu-plain test-cpu-avx2 test-cpu-threads

test-cpu-%: install
	$(CPU_$*) $(BIN)/python -m pytest -n 2 -m "not real_data" $(NUMERIC)

test-data: install
	$(BIN)/python -m pytest -m real_data
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "fuzz and not real_data" --hypothesis-profile=thorough

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(DEMO) $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
