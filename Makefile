# Each target sets up what it needs; the second time there is nothing left to set up.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Python keeps what it compiled, whatever the environment says: without that each new process of the
# tests compiles TensorFlow or the service anew, which more than doubles their time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help serve test lint types format docs lock train export bench peers openvino image imagecheck audit fuzz clean python programs

PYTHON ?= python3
PORT ?= 8000
RECIPE ?= airbench94
BUNDLES ?= service/bundles
ENGINE ?= docker
TARGET ?= cpu
TAG ?= rotulo:$(TARGET)

# Serving needs a tenth of what development needs, so it has an environment of its own.
SERVE_VENV ?= .venv-serve
DEV_VENV ?= .venv
AUDIT_VENV ?= .venv-audit
OPENVINO_VENV ?= .venv-openvino
FUZZ_VENV ?= .venv-fuzz
SERVE := $(SERVE_VENV)/bin
DEV := $(DEV_VENV)/bin

help:  ## say what there is
	@sed -nE 's/^([a-z]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

serve: $(SERVE_VENV)/.locked  ## serve on http://127.0.0.1:8000 (PORT=8080 for another port)
	@exec $(SERVE)/python -m service serve --host 127.0.0.1 --port $(PORT)

test: $(DEV_VENV)/.locked programs  ## run every check: lint, types, import directions, tests, coverage
	@$(DEV)/python -m pytest --cov --numprocesses=2 --dist=loadfile --no-loadscope-reorder
	@for package in service training export; do \
		report=$$($(DEV)/coverage report --include="$$package/*" 2>&1) || { echo "$$report"; exit 1; }; \
	done

lint: $(DEV_VENV)/.locked  ## ruff, formatting and import directions
	$(DEV)/ruff check
	$(DEV)/ruff format --check
	$(DEV)/lint-imports

types: $(DEV_VENV)/.locked  ## mypy, strict
	$(DEV)/mypy

format: $(DEV_VENV)/.locked  ## rewrite the code as ruff would have it
	$(DEV)/ruff check --fix --exit-zero
	$(DEV)/ruff format

docs: $(DEV_VENV)/.locked  ## write the generated parts of the README anew
	$(DEV)/python -m docs.refresh

lock: $(DEV_VENV)/.locked  ## refresh the lock files (UPGRADE=1 for the newest versions that fit)
	$(DEV)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

train: $(DEV_VENV)/.locked  ## fit a recipe (RECIPE=resnet20 for another one)
	$(DEV)/python -m training fit $(RECIPE)

export: $(DEV_VENV)/.locked  ## turn a finished run into a bundle (RUN=its folder)
	$(DEV)/python -m export $(or $(RUN),$(error say which run: make export RUN=FOLDER)) --out $(BUNDLES)

bench: $(DEV_VENV)/.locked  ## measure the service against its in-process limit
	$(DEV)/python -m bench.serve

peers: $(DEV_VENV)/.locked  ## measure the service beside Mosec, LitServe, BentoML and plain FastAPI (PEERS=--quick)
	$(DEV)/python -m bench.peers $(PEERS)

openvino: $(OPENVINO_VENV)/.installed  ## prove the OpenVINO provider, in an environment of its own
	$(OPENVINO_VENV)/bin/python -m pytest -m "not slow and not audit" tests/unit/service/providers tests/integration/service/providers

image: $(DEV_VENV)/.locked  ## build the image (TARGET=cuda, TAG=NAME, DEBIAN_DIGEST=sha256:…, ENGINE=podman)
	$(ENGINE) build --target $(TARGET) --tag $(TAG) $(if $(filter podman,$(ENGINE)),--format docker) \
		--build-arg DEBIAN_DIGEST=$(or $(DEBIAN_DIGEST),$(error name the base: docs/deploy.md says how to find DEBIAN_DIGEST)) \
		--build-arg VERSION=$$($(DEV)/python -c 'from service.version import VERSION; print(VERSION)') \
		--build-arg REVISION=$$(git rev-parse HEAD) .

imagecheck: $(DEV_VENV)/.locked  ## build the image on a Debian made here, run it, prove its promises (root; WORK=FOLDER)
	$(DEV)/python -m deploy.image_check service/static/example-cat.webp --target $(TARGET) \
		--work $(or $(WORK),$(error name a folder for some gigabytes: make imagecheck WORK=FOLDER)) $(IMAGECHECK)

audit: $(DEV_VENV)/.locked $(AUDIT_VENV)/.locked  ## licences, known vulnerabilities and manifests (needs the advisories' network)
	$(DEV)/python -m deploy.licences requirements/serve-cpu.txt requirements/serve-cuda.txt
	$(AUDIT_VENV)/bin/checkov --file Dockerfile --framework dockerfile --compact --quiet --skip-download
	$(DEV)/python -m pytest --quiet -m audit tests/integration/deploy/test_kubernetes.py tests/integration/deploy/test_custom_resources.py
	@for lock in serve-cpu serve-cuda dev; do \
		echo "pip-audit $$lock"; \
		$(DEV)/pip-audit --strict --disable-pip --require-hashes --requirement requirements/$$lock.txt || { \
		echo "pip-audit: no clean answer for $$lock; without a network to its advisories nothing is known of vulnerabilities. All else above was done and is clean." >&2; exit 1; }; \
	done

fuzz: $(FUZZ_VENV)/.locked  ## look for uploads that break the service (SECONDS=600, FUZZ=FOLDER for what is found)
	@$(FUZZ_VENV)/bin/python -m tests.fuzzing --seconds $(or $(SECONDS),600) \
		--folder $(or $(FUZZ),$(HOME)/.cache/rotulo-fuzz)

clean:  ## remove environments and caches; runs, data and bundles stay
	rm -rf $(SERVE_VENV) $(DEV_VENV) $(AUDIT_VENV) $(OPENVINO_VENV) $(FUZZ_VENV) .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- What the targets stand on --------------------------------------------------------

# Root installs Debian's package; anyone else is told its name.
as_root = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
apt_install = export DEBIAN_FRONTEND=noninteractive; \
	apt-get install -qq -y --no-install-recommends $(1) >/dev/null 2>&1 \
	|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends $(1) >/dev/null; }

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Rótulo needs Python 3.11 or newer: make PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| if $(as_root); then $(call apt_install,python3-venv); \
		else echo 'Install python3-venv first: sudo apt-get install python3-venv' >&2; exit 1; fi

# What only the tests run: a browser, the README's curl, Prometheus for its rules, Redis for the
# rate limits, nginx for rolling updates, and a PostgreSQL that they start themselves, so that Debian's own is kept from starting one.
programs:
	@for wanted in chromium curl prometheus redis-server nginx:nginx-light node:nodejs php:php-cli+php-curl; do \
		name=$${wanted%%:*}; package=$$(echo $${wanted##*:} | tr + ' '); command -v $$name >/dev/null \
		|| if $(as_root); then echo "Installing $$package for the tests"; $(call apt_install,$$package) || echo "Could not install $$package" >&2; \
		else echo "Some tests need $$name: sudo apt-get install $$package" >&2; fi; done
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| if $(as_root); then echo 'Installing postgresql for the tests'; \
			{ $(call apt_install,postgresql-common) \
			&& sed -i -E 's/^#?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
			&& $(call apt_install,postgresql); } || echo 'Could not install postgresql' >&2; \
		else echo 'Some tests need postgresql: sudo apt-get install postgresql' >&2; fi

# Hash-checked, without dependency resolution: exactly what the lock says. The project
# itself is installed in place, built by the pinned backend and nothing else. Python compiles
# what it imports, which is far less than all of TensorFlow.
define install
	@test -x $(1)/bin/pip || $(PYTHON) -m venv --clear $(1)
	@echo 'Installing the packages of $(2) in $(1)'
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile \
		-r requirements/build.txt -r $(2)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
endef

$(SERVE_VENV)/.locked: requirements/serve-cpu.txt requirements/build.txt | python
	$(call install,$(SERVE_VENV),requirements/serve-cpu.txt)

$(DEV_VENV)/.locked: requirements/dev.txt requirements/build.txt | python
	$(call install,$(DEV_VENV),requirements/dev.txt)

# onnxruntime-openvino owns the import folder of onnxruntime, so that it cannot live in $(DEV_VENV).
# No lock covers it.
$(OPENVINO_VENV)/.installed: pyproject.toml $(DEV_VENV)/.locked
	@test -x $(OPENVINO_VENV)/bin/python || $(PYTHON) -m venv --clear $(OPENVINO_VENV)
	@$(DEV)/uv pip install --quiet --python $(OPENVINO_VENV)/bin/python \
		-e '.[openvino,postgres]' httpx hypothesis onnx pytest pytest-asyncio pytest-timeout
	@touch $@

# checkov alone: it pins too much to live with anything else. Beside it KServe's types, to be read.
$(AUDIT_VENV)/.locked: requirements/audit.txt requirements/kserve.txt | python
	@test -x $(AUDIT_VENV)/bin/pip || $(PYTHON) -m venv --clear $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile \
		-r requirements/audit.txt -r requirements/kserve.txt
	@touch $@

# atheris beside what serves, since it must see the branches of that.
$(FUZZ_VENV)/.locked: requirements/fuzz.txt requirements/serve-cpu.txt | python
	@test -x $(FUZZ_VENV)/bin/pip || $(PYTHON) -m venv --clear $(FUZZ_VENV)
	@$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile \
		-r requirements/serve-cpu.txt -r requirements/fuzz.txt
	@touch $@
