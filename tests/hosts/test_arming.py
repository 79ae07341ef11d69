"""Real hosts, started in every way that users start them, are armed; few starts, they are slow.

A `sitecustomize` on PYTHONPATH lets each process, children included, write down what was armed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tag_plugin._autoload import ADAPTERS, ARMED

pytestmark = [pytest.mark.host, pytest.mark.slow]

BIN = Path(sys.executable).parent
LLAMAFACTORY = [module for module in ADAPTERS if module.startswith("llamafactory.")]
WITNESS = """
import atexit, json, os, pathlib, sys

@atexit.register
def write():
    outcomes = sys.modules["tag_plugin._autoload"].OUTCOMES
    pathlib.Path({folder!r}, f"{{os.getpid()}}.json").write_text(json.dumps(outcomes))
"""


class Witness:
    """Runs commands and reads what their processes said about arming."""

    def __init__(self, folder: Path) -> None:
        self.outcomes = folder / "outcomes"
        self.path = folder / "path"
        self.outcomes.mkdir()
        self.path.mkdir()
        code = WITNESS.format(folder=str(self.outcomes))
        (self.path / "sitecustomize.py").write_text(code)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # llamafactory-cli looks for torchrun there
        offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(self.path)}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TAG_PLUGIN_")}
        return subprocess.run(
            command,
            env=inherited | {"PATH": path} | offline | environment,
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def met(self) -> list[dict[str, str]]:
        """What each process that met a host module said."""
        said = [json.loads(file.read_text()) for file in self.outcomes.iterdir()]
        return [outcomes for outcomes in said if outcomes]


@pytest.fixture
def witness(tmp_path):
    return Witness(tmp_path)


def is_armed(outcomes: dict[str, str], *modules: str) -> bool:
    """Whether these were met, and all that was met is armed."""
    return set(modules) <= outcomes.keys() and set(outcomes.values()) == {ARMED}


def test_a_child_of_torchrun_is_armed_and_an_untested_host_is_told_once(witness, tmp_path):
    # importlib.metadata takes the first answer on the path: the host seems to be another version.
    (witness.path / "llamafactory-0.8.1.dist-info").mkdir()
    metadata = witness.path / "llamafactory-0.8.1.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: llamafactory\nVersion: 0.8.1\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "model_name_or_path: no-such-model\nstage: sft\ndo_train: true\nuse_cpu: true\n"
        f"dataset: none\ntemplate: tag_qwen2_5_vl\noutput_dir: {tmp_path / 'out'}\n"
    )
    done = witness.run(
        str(BIN / "llamafactory-cli"),
        *("train", str(recipe)),
        FORCE_TORCHRUN="1",
        NPROC_PER_NODE="1",  # of several ranks only the first speaks: tests/hosts/test_versions.py
    )
    assert done.returncode != 0, "there is neither such a model nor such a dataset"
    assert any(is_armed(outcomes, *LLAMAFACTORY) for outcomes in witness.met())
    assert done.stderr.count("llamafactory 0.8.1 (tested: >=0.9.5,<0.10)") == 1


def test_lmms_eval_is_armed_by_accelerate_launch_and_lists_the_tasks(witness):
    command = ["launch", "--cpu", "-m", "lmms_eval", "tasks", "list"]
    done = witness.run(str(BIN / "accelerate"), *command)
    assert done.returncode == 0, done.stderr
    assert any(is_armed(outcomes, "lmms_eval.tasks") for outcomes in witness.met())
    assert "tag_ferplus" in done.stdout
    assert "tag-plugin:" not in done.stderr
