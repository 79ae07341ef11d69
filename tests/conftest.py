"""What holds for every test."""

import gc
import os
import sys
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

collect_ignore = [] if find_spec("vllm") else ["vllm"]  # `make test-vllm` installs it

# Hosts are started many times; to compile one anew at each start takes most of a minute.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine makes no test wrong.
settings.register_profile("tag", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tag")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test come first, so that no process ends long after the other."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What has been imported by now stays; to look through it again and again takes minutes."""
    gc.collect()
    gc.freeze()
