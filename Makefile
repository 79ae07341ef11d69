# setup   the environment in .venv, exactly as locked; installs uv into .uv where there is none
# check   format, lint, types, layers, lock file
# test    all tests that this machine can run
# test-matrix   LLaMA-Factory's tests with transformers 5.5.4, in an environment beside .venv
# test-hosts    ms-swift's GRPO and verl's reward manager with our rewards, each in an environment beside .venv; EASYR1=CHECKOUT: EasyR1's too
# test-vllm   stage: grpo and lmms-eval with vLLM's CPU build, in an environment beside .venv
# demo    synthetic faces -> SFT -> GRPO -> lmms-eval of all three models -> a table and pictures
# bench   the measurements; each script prints JSON
# fuzz    the judge on 100,000 arbitrary and 100,000 mutated completions, and its time on 10,000 long ones; about 30 minutes

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
UV ?= $(or $(shell command -v uv),.uv/bin/uv)
PYTHON ?= $(or $(shell command -v python3),python3.11)
RUN := $(UV) run --no-sync

.PHONY: setup check test test-matrix test-hosts test-vllm demo bench fuzz

setup: $(if $(findstring .uv/,$(UV)),.uv/bin/uv)
	$(UV) sync --locked --quiet --extra all

.uv/bin/uv:
	$(PYTHON) -m pip install --quiet --target .uv uv

check: setup
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(RUN) lint-imports
	$(UV) lock --check

# Two processes of one thread each; a file stays in one process: its fixtures are what costs.
# Slow files come first (tests/conftest.py).
test: setup
	OMP_NUM_THREADS=1 $(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

# Everything as locked, but for transformers and what it asks for. Slow tests are left to `make test`.
MATRIX := .venv-transformers5
test-matrix: setup
	$(UV) venv --quiet --allow-existing --python .venv/bin/python $(MATRIX)
	$(UV) export --quiet --locked --extra all --no-hashes --no-emit-project \
	  | grep -vE '^(transformers|huggingface-hub|tokenizers)==' > $(MATRIX)/locked.txt
	printf '%s\n' transformers==5.5.4 "opencv-python; sys_platform == 'never'" \
	  "opencv-contrib-python; sys_platform == 'never'" > $(MATRIX)/overrides.txt
	$(UV) pip install --quiet --python $(MATRIX) --constraints $(MATRIX)/locked.txt \
	  --overrides $(MATRIX)/overrides.txt --group dev --editable '.[train,eval,mediapipe]'
	OMP_NUM_THREADS=1 $(MATRIX)/bin/pytest -n 2 --dist loadfile -m 'host and not slow' tests/hosts/llamafactory

# One environment at a time. ms-swift imports msgspec and does not ask for it.
HOSTS := .venv-hosts
define in_host
	$(UV) venv --quiet --clear --python .venv/bin/python $(HOSTS)
	$(UV) pip install --quiet --python $(HOSTS) $(1) pytest hypothesis --editable .
	OMP_NUM_THREADS=1 $(HOSTS)/bin/python -m pytest -q $(2)
endef
test-hosts: setup
	$(call in_host,ms-swift==4.6.0 msgspec qwen-vl-utils torch==2.11.0 torchvision==0.26.0,tests/hosts/swift/test_in_host.py)
	$(call in_host,verl==0.9.1,tests/hosts/verl/test_in_host.py tests/hosts/easyr1/test_in_host.py)

# vLLM asks for an older numpy, and for two versions of setuptools at once. Its CPU build asks for a
# torch that only PyTorch's own index has; the locked one is the same but for CUDA.
VLLM := .venv-vllm
test-vllm: setup runs/demo/sft/all_results.json
	$(UV) venv --quiet --allow-existing --python .venv/bin/python $(VLLM)
	$(UV) export --quiet --locked --extra all --no-hashes --no-emit-project \
	  | grep -vE '^numpy==' > $(VLLM)/locked.txt
	printf '%s\n' torch==2.11.0 setuptools==81.0.0 "opencv-python; sys_platform == 'never'" \
	  "opencv-contrib-python; sys_platform == 'never'" > $(VLLM)/overrides.txt
	$(UV) pip install --quiet --python $(VLLM) --constraints $(VLLM)/locked.txt \
	  --overrides $(VLLM)/overrides.txt --group dev --editable '.[train,eval]' tests/vllm/cpu_build
	OMP_NUM_THREADS=1 $(VLLM)/bin/pytest tests/vllm

runs/demo/sft/all_results.json:
	$(MAKE) demo

demo: setup
	$(RUN) tag-plugin demo --out runs/demo

bench: setup
	for script in benchmarks/*.py; do $(RUN) python $$script; done

fuzz: setup
	TAG_FUZZ_EXAMPLES=100000 $(RUN) pytest -n 2 --dist load tests/scoring/test_fuzz.py
