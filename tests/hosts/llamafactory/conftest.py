"""Tests against the real LLaMA-Factory; left out where it is not installed."""

import logging
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tag_plugin import _autoload

collect_ignore_glob = [] if find_spec("llamafactory") else ["*"]

_autoload.install()  # what the .pth does at every start; here also in an environment without it

TAG_ROWS = 24
PLAIN_ROWS = 24


@pytest.fixture(scope="session")
def qwen2_5_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.hosts.llamafactory.tiny_models import save_qwen2_5_vl

    return save_qwen2_5_vl(tmp_path_factory.mktemp("models") / "qwen2_5_vl")


@pytest.fixture(scope="session")
def qwen3_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.hosts.llamafactory.tiny_models import save_qwen3_vl

    return save_qwen3_vl(tmp_path_factory.mktemp("models") / "qwen3_vl")


def _family(name: str) -> Any:
    """A fixture: the small model that tiny_families.py saves under this name."""

    def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
        from tests.hosts.llamafactory import tiny_families

        save: Callable[[Path], Path] = getattr(tiny_families, f"save_{name}")
        return save(tmp_path_factory.mktemp("models") / name)

    return pytest.fixture(saved, scope="session", name=name)


intern_vl, glm4v, llava, llava_next = map(_family, ("intern_vl", "glm4v", "llava", "llava_next"))


@pytest.fixture(scope="session")
def mixed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 TAG rows and 24 rows of a plain sharegpt dataset; nobody writes into it."""
    from tests.hosts.llamafactory.tag_data import write_plain_dataset, write_tag_dataset

    data_dir = tmp_path_factory.mktemp("mixed")
    write_tag_dataset(data_dir, TAG_ROWS)
    write_plain_dataset(data_dir, PLAIN_ROWS)
    return data_dir


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Eight TAG rows and eight plain rows that a test may spoil."""
    from tests.hosts.llamafactory.tag_data import write_plain_dataset, write_tag_dataset

    write_tag_dataset(tmp_path / "data", 8)
    write_plain_dataset(tmp_path / "data", 8)
    return tmp_path / "data"


@pytest.fixture
def host_log() -> Iterator[list[str]]:
    """What the host's logger says during the test."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("llamafactory")
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)
