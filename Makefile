# Everything is done by scripts/; each target says what it is for.

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit docs fuzz faults machines catches benchmark bench dist generate lock clean

help: ## what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

setup: ## what is missing on this machine: virtual environment, Docker Engine, platform image
	@scripts/setup

demo: ## the sandbox fleet, with both sites taken through the gates onto it
	@scripts/demo

test: setup ## every test: lint, types, unit, fuzzers for a moment, interface, browser, integration, Molecule
	@scripts/test

lint: setup ## ansible-lint, yamllint, ruff, mypy, changelog, ansible-test sanity
	@scripts/test ansible-lint yamllint ruff format mypy changelog sanity imports

unit: setup ## the unit tests alone
	@scripts/test unit

docs: setup ## the pages of docs/lint and docs/alerts, from the rules and their examples
	@.venv/bin/python -m scripts.lint_pages && .venv/bin/python -m scripts.alert_pages

fuzz: setup ## each fuzzer of tests/fuzz for half an hour; scripts/fuzz --seconds 60 nginx runs one for a minute
	@scripts/fuzz

faults: setup ## every story of the fault table, and the crash tests at length
	@scripts/test faults crashes

machines: setup ## every story on virtual machines, and fifty power cuts (POWER_CUTS=5 for fewer); hours in an emulator
	@scripts/test all-machines power-cuts

catches: setup ## how many faults the gates catch, and how many good changes they stop; hours of trials
	@.venv/bin/python -m benchmarks.catch_rate

benchmark: setup ## requests lost by deployments, and by as many bare reloads; ten minutes of load
	@.venv/bin/python -m benchmarks.no_loss

bench: setup ## a fleet beside bare SSH, pyinfra and a plain playbook, settings of Ansible, large configurations, 10,000 simulated hosts
	@.venv/bin/python -m benchmarks.fleet; fleet=$$?; .venv/bin/python -m benchmarks.settings && \
	  .venv/bin/python -m benchmarks.size && .venv/bin/python -m benchmarks.simulated_fleet && exit $$fleet

dist: setup ## the collection's artifact and wheel, into dist/
	@scripts/dist

generate: setup ## argument specs, defaults and tables of options, from the models and specs that declare them
	@.venv/bin/python scripts/generate.py

lock: ## requirements.lock from requirements.in and requirements.txt
	@scripts/lock

clean: ## removes all that was made, Docker itself excepted
	@scripts/clean
