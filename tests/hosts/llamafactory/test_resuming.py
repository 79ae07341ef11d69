"""What is taken up where a checkpoint left it: the order of an epoch, and the log."""

import json
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.data_loader import SeedableRandomSampler, skip_first_batches

from tag_plugin.hosts.llamafactory.resuming import cut_log, keeping_the_epoch

pytestmark = pytest.mark.host


def _loader() -> torch.utils.data.DataLoader:
    numbers = list(range(16))
    sampler = SeedableRandomSampler(numbers, data_seed=1)
    loader = torch.utils.data.DataLoader(numbers, batch_size=2, sampler=sampler)
    return Accelerator(cpu=True).prepare_data_loader(loader)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_the_rest_of_an_epoch_is_that_of_the_same_epoch(epoch: int):
    whole, resumed = _loader(), _loader()
    for loader in (whole, resumed):
        loader.set_epoch(epoch)
    rest = keeping_the_epoch(skip_first_batches)(resumed, 3)
    assert [batch.tolist() for batch in rest] == [batch.tolist() for batch in whole][3:]


LINES = [{"current_steps": step, "loss": 1.0} for step in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("text", "step", "entries", "kept"),
    [
        (LINES, 2, 2, 2),
        (LINES, 4, 4, 4),
        (LINES, 0, 0, 0),
        ([*LINES[:2], {"current_steps": 2}], 2, 2, 2),  # the line that ends a training
    ],
)
def test_the_log_is_cut_back_to_the_checkpoint(
    text: list[dict[str, float]], step: int, entries: int, kept: int, tmp_path: Path
):
    log = tmp_path / "trainer_log.jsonl"
    log.write_text("".join(json.dumps(each) + "\n" for each in text))
    cut_log(log, step, entries)
    assert [json.loads(line) for line in log.read_text().splitlines()] == text[:kept]


@pytest.mark.parametrize("tail", [b'{"current_st', b"\xe2\x86", b"\x00\x00"])
def test_half_a_line_is_forgotten(tail: bytes, tmp_path: Path):
    log = tmp_path / "trainer_log.jsonl"
    log.write_bytes(json.dumps(LINES[0]).encode() + b"\n" + tail)
    cut_log(log, 4, 4)
    assert log.read_text() == json.dumps(LINES[0]) + "\n"


def test_a_run_without_a_log_has_none_to_cut(tmp_path: Path):
    cut_log(tmp_path / "trainer_log.jsonl", 4, 4)
    assert not any(tmp_path.iterdir())
