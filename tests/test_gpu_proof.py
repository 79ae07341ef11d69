"""The proof for a GPU, rehearsed on a CPU with tiny shapes: stages run and say what they saw."""

import argparse
import json
import subprocess
import sys

import pytest

from benchmarks import gpu_proof

pytestmark = [pytest.mark.host, pytest.mark.slow]
TRAINED = ("sft_lora_7b", "grpo_lora_7b")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """What the stages share: drawn faces, and the tiny shape in place of both models."""
    from benchmarks.random_models import save_random_model

    work = tmp_path_factory.mktemp("proof")
    given = argparse.Namespace(work=work, device="cpu", demo=None)
    gpu_proof.make_faces(given, count=48)
    for name in ("7b", "3b"):
        save_random_model(work / name, "tiny", "cpu")
    return given


@pytest.mark.parametrize("stage", TRAINED)
def test_a_stage_trains_and_what_it_expects_holds(options, stage):
    from benchmarks.gpu_stages import RUNS

    measured, expected = RUNS[stage](options)
    assert json.dumps(measured)
    assert all(expected.values()), expected


def test_a_stage_that_fails_leaves_a_line_that_says_why(tmp_path):
    """Nobody has written its model."""
    words = ("--device", "cpu", "--out", tmp_path / "out", "--faces", "8", "--work", tmp_path)
    script = (sys.executable, gpu_proof.__file__, *map(str, words), "--stages", "sft_lora_7b")
    assert subprocess.run(script, check=False).returncode == 1
    line = json.loads((tmp_path / "out").read_text())
    assert (line["stage"], line["holds"]) == ("sft_lora_7b", False)
    assert "7b" in line["log"]
