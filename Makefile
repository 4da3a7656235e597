# What must pass before a change goes in, and what a release is made of.

.PHONY: check docs package

check:
	.ci/run

docs:
	sphinx-build -W docs docs/_build/html

package:
	python -m build
	twine check --strict dist/*
