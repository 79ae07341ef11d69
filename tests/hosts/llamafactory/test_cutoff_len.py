"""A question that is longer than cutoff_len is refused before the model loads, with the number."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from llamafactory.train.sft import workflow as sft
from llamafactory.train.tuner import run_exp

from tag_plugin.hosts.llamafactory.grpo import workflow as grpo
from tag_plugin.hosts.llamafactory.reading import TagDatasetError
from tests.hosts.llamafactory.grpo.grpo_data import grpo_recipe, write_rl_data
from tests.hosts.llamafactory.host_run import train_args

pytestmark = pytest.mark.host

RECIPES = {"sft": train_args, "grpo": grpo_recipe}
PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
FACE = 2928  # image tokens of a face frame in LLaVA-NeXT


class ModelLoadedError(Exception):
    """The run came as far as its model."""


@pytest.fixture
def llava_next_geometry(llava_next: Path, tmp_path: Path) -> Path:
    """Tokenizer and processor that cut a face as the published LLaVA-NeXT checkpoints do."""
    from transformers import AutoProcessor

    folder = tmp_path / "model"
    shutil.copytree(llava_next, folder)
    processor = AutoProcessor.from_pretrained(folder)
    images = processor.image_processor
    images.size, images.crop_size = {"shortest_edge": 336}, {"height": 336, "width": 336}
    images.image_grid_pinpoints = PINPOINTS
    processor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("stage", RECIPES)
def test_a_question_beyond_cutoff_len_is_refused_with_the_number_that_takes_it(
    stage: str, llava_next_geometry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: Any) -> None:
        raise ModelLoadedError

    for module in (sft, grpo):
        monkeypatch.setattr(module, "load_model", refuse)
    data = write_rl_data(tmp_path / "rl", 4)
    recipe = RECIPES[stage](llava_next_geometry, data, tmp_path / "o", template="tag_llava_next")
    with pytest.raises(TagDatasetError) as error:
        run_exp({**recipe, "cutoff_len": 2048})
    said = str(error.value)
    assert "\n" not in said
    assert "too long for cutoff_len 2048; next: cutoff_len: " in said
    needed = int(re.findall(r"\d+", said)[-1])
    assert FACE < needed < FACE + 900
    with pytest.raises(ModelLoadedError):
        run_exp({**recipe, "cutoff_len": needed})
