# Two commands for a newcomer: `make demo` runs the main job on real data, `make test` runs the tests.
# Each makes its own virtual environment when there is none.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PEERS   := $(wildcard tests/test_presets_peers_*.py) tests/test_plateau.py tests/test_reference_greedy.py tests/test_faults.py
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test test-peers test-hosts test-page site packages bench bench-studies bench-faults bench-diagnosis
.PHONY: bench-infrared bench-tune lint clean

demo: $(VENV)/.has-compare
	@echo "training eight strategies on handwritten digits, about half a minute on one core:"
	$(BIN)/stepsize compare digits --out out/digits
	@echo "and the rate that four runs find, on its basin:"
	$(BIN)/stepsize tune digits --out out/digits-tune

test: $(VENV)/.has-test lint
	$(BIN)/python -m pytest -rs -n 2 --dist loadfile

test-peers: $(VENV)/.has-test
	$(INSTALL) '.[peers]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt timm megatron-core
	KERAS_BACKEND=numpy $(BIN)/python -m pytest -rs $(PEERS)

test-hosts: $(VENV)/.has-test
	$(INSTALL) '.[hosts]'
	$(BIN)/python -m pytest -rs $(wildcard tests/test_hosts_*.py)

# the pages and the site, clicked in headless Chromium: Debian's packages chromium and chromium-driver
test-page: $(VENV)/.has-test
	$(INSTALL) '.[page,site]'
	$(BIN)/python -m pytest -rs $(wildcard tests/test_page_*.py)

# the documentation as a site: out/site/index.html opens from disk
site: $(VENV)/.has-compare
	$(INSTALL) '.[site]'
	$(BIN)/python -m sphinx -q -W --keep-going -b html -c site docs out/site
	@echo "the site is out/site/index.html"

# what is published, into dist/: the wheel and the source archive, built and checked
packages: $(VENV)/.has-test
	$(INSTALL) '.[packages]'
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python -m pytest -rs tests/test_package.py

lint: $(VENV)/.has-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.has-test
	$(BIN)/python bench/speed.py
	$(BIN)/python bench/schedules.py
	$(BIN)/python bench/torch_scheduler.py
	$(BIN)/python bench/torch_clips.py
	$(BIN)/python bench/torch_strategy.py

# the tables and the picture of docs/studies-speed.md, half an hour on a quiet machine; `pip install optuna 'ray[tune]'`
# into $(VENV) for their rows, and BEFORE=COMMIT for a comparison with that commit
bench-studies: $(VENV)/.has-test
	$(BIN)/python bench/studies.py $(if $(BEFORE),--before $(BEFORE))
	$(BIN)/python bench/torch_studies.py
	$(BIN)/python bench/tuners.py
	$(BIN)/python bench/places.py
	$(BIN)/python bench/growth.py --write

# the table of docs/faults.md, a quarter of an hour on one core; torch alone is a dependency of zclip
bench-faults: $(VENV)/.has-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt zclip
	$(BIN)/python bench/faults.py

# the tables of docs/diagnose.md
bench-diagnosis: $(VENV)/.has-test
	$(BIN)/python bench/diagnosis.py
	$(BIN)/python bench/diagnosis_torch.py
	$(BIN)/python bench/diagnosis_judged.py --torch
	$(BIN)/python bench/diagnosis_judged.py --torch --apart

# the table of docs/lab-book.md on `robust_infrared`, a quarter of an hour on one core
bench-infrared: $(VENV)/.has-test
	$(BIN)/python bench/infrared.py

# docs/tune-bench.md and its figure: half an hour to an hour on one core for what is recorded, some minutes after that;
# peers answer from what `python -m bench.tune.peers` recorded of their packages
bench-tune: $(VENV)/.has-test
	$(BIN)/python -m bench.tune record
	test -e out/tune-bench/clock.json || $(BIN)/python -m bench.tune clock
	$(BIN)/python -m bench.tune page --apart

clean:
	rm -rf $(VENV) out

$(VENV)/.has-compare: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing NumPy, Matplotlib, scikit-learn and others into $(VENV), about a minute:"
	$(INSTALL) '.[compare,watch]'
	touch $@

$(VENV)/.has-test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the test tools and torch into $(VENV), some minutes:"
	$(INSTALL) '.[test]'
	touch $@ $(VENV)/.has-compare
