"""ms-swift's own way of importing a plugin and calling its rewards; ms-swift itself is a fake."""

import importlib
import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.rl_rows import export
from tag_plugin.hosts.swift import HOST, PLUGIN_FILE
from tag_plugin.scoring.rewards import REWARDS
from tests.hosts.rl_data import GOLD, WRONG, write_detected


class ORM:
    """swift/rewards/orm.py (ms-swift 4.6)."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args


def import_external_file(file_path: str) -> ModuleType:
    """As swift/utils/utils.py (ms-swift 4.6)."""
    path = Path(file_path).expanduser().absolute()
    sys.path.insert(0, str(path.parent))
    return importlib.import_module(path.name.split(".", 1)[0])


@pytest.fixture(params=["swift.rewards", "swift.plugin"])
def orms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict]:
    """ms-swift's registry after it has imported our plugin: version 4, and version 3."""
    registry: dict[str, Any] = {"format": object}
    host, rewards = ModuleType("swift"), ModuleType(request.param)
    host.__path__ = []
    rewards.ORM, rewards.orms = ORM, registry
    monkeypatch.setitem(sys.modules, "swift", host)
    monkeypatch.setitem(sys.modules, request.param, rewards)
    monkeypatch.setattr(sys, "path", [*sys.path])
    import_external_file(str(PLUGIN_FILE))
    yield registry
    del sys.modules["tag_rewards"]


def call(reward: Any, texts: list[str], truths: list[str]) -> list[float | None]:
    """As compute_rewards_per_func: the completions, and the rows' columns by name."""
    state = {"trainer_state": None, "messages": [[]] * len(texts), "request_id": texts}
    return reward(texts, **state, solution=truths, images=[[]] * len(texts))


@pytest.fixture
def truths(tmp_path: Path) -> list[str]:
    directory = write_detected(tmp_path)
    done = export(HOST, directory, tmp_path / "out", BoxFrame.ABSOLUTE, undetected=True)
    found = [json.loads(line) for line in done.files["train"].read_text().splitlines()]
    assert all("objects" not in each for each in found), "`<bbox>` would be filled in"
    return [each["solution"] for each in found]


def test_the_rewards_are_registered_each_under_a_class_of_its_own(orms: dict[str, Any]):
    ours = {name: each for name, each in orms.items() if name != "format"}
    assert ours.keys() == {f"tag_{name}" for name in REWARDS}
    assert len({each.__name__ for each in ours.values()}) == len(REWARDS)


def test_a_batch_is_scored(orms: dict[str, Any], truths: list[str]):
    texts = [GOLD, WRONG, GOLD]
    args = SimpleNamespace(beta=0.0)
    found = {name: call(orms[f"tag_{name}"](args=args), texts, truths) for name in REWARDS}
    assert found["answer"] == [1.0, 0.0, 1.0]
    assert found["format"] == [1.0, 0.0, 1.0]
    for name in REWARDS:
        if name.startswith("au_"):
            assert found[name] == [1.0, 0.0, None]


def test_a_reward_pickles(orms: dict[str, Any], truths: list[str]):
    again = pickle.loads(pickle.dumps(orms["tag_answer"]()))  # noqa: S301  # our own bytes
    assert call(again, [GOLD], truths[:1]) == [1.0]


def test_the_plugins_folder_shadows_nothing():
    """ms-swift puts it first on sys.path for the rest of the process."""
    modules = {path.stem for path in PLUGIN_FILE.parent.glob("*.py")}
    assert modules == {"__init__", "tag_rewards"}


def test_the_command_names_rewards_that_exist(orms: dict[str, Any]):
    words = HOST.command({"train": Path("/d/train.jsonl")}).split()
    start = words.index("--reward_funcs") + 1
    named = words[start : words.index("--reward_weights")]
    assert set(named) <= orms.keys()
    assert len(named) == 3
