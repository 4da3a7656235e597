# What must pass before a change goes in, what the workflows add, and what a release is
# made of. CONTRIBUTING.md says which is which, and what each needs.

SHELL := bash

# A new environment of the Python $(1) for the rest of a line, removed after it.
new = set -euo pipefail; environment=$$(mktemp -d); trap 'rm -rf "$$environment"' EXIT; \
	$(1) -m venv "$$environment"; source "$$environment/bin/activate"

.PHONY: check lint test evidence lowest next docs package wheel

check:
	.ci/run

lint:
	ruff check .
	ruff format --check .
	codespell
	mypy

test:
	pytest

evidence:
	pytest -m slow
	pytest -m evidence tests/integration/test_notebooks.py tests/vi/test_checkpoint.py

lowest:
	$(call new,python3.10); pip install ".[test]" -c tests/lowest.txt; pytest

next:
	$(call new,python3); pip install ".[test]"; \
	pip install --pre --upgrade tf-nightly tf_keras-nightly tfp-nightly; pytest

docs:
	sphinx-build -W docs docs/_build/html

package:
	@[[ "$${GITHUB_REPOSITORY:-}" == ?*/?* ]] || { echo "make package: set \
	GITHUB_REPOSITORY=owner/name first: without it the README on the index has \
	relative links, and shows no images." >&2; exit 1; }
	rm -rf dist
	python -m build
	twine check --strict dist/*

wheel: package
	$(call new,python3); pip install dist/*.whl; python -I tests/installed_wheel.py
