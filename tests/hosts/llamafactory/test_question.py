"""What `tag-plugin prompt` prints is what training sends, token by token."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from typer.testing import CliRunner

from tag_plugin.cli import app
from tests.hosts.llamafactory.host_run import samples, train_args

pytestmark = pytest.mark.host


def _prompt(*words: str) -> Any:
    return CliRunner().invoke(app, ["prompt", *words])


@pytest.mark.parametrize(
    ("template", "style"), [("tag_qwen2_5_vl", "grounded"), ("tag_qwen2_vl", "direct")]
)
def test_a_server_that_is_sent_the_messages_reads_the_ids_of_training(
    template: str, style: str, qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    dataset = "tag_synth_train" + ("" if style == "grounded" else "_label_only")
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", template=template, dataset=dataset)
    sample = samples(recipe)[0]
    prompt_ids = [i for i, label in zip(sample["input_ids"], sample["labels"], strict=True)
                  if label == -100]  # fmt: skip
    image = sample["images"][0]
    words = ("--template", template, "--style", style, "--label-set", "synth")
    done = _prompt(*words, "--image", image)
    messages = json.loads(done.output)
    (picture, text) = messages[-1]["content"]
    sent = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    assert sent == Path(image).read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(qwen2_5_vl)
    served = tokenizer.apply_chat_template(
        [*messages[:-1], {"role": "user", "content": [{"type": "image"}, text]}],
        tokenize=False,
        add_generation_prompt=True,
    )
    trained = tokenizer.decode(prompt_ids)
    assert served == re.sub(r"(<\|image_pad\|>)+", "<|image_pad|>", trained)
    shown = _prompt(*words).output
    assert messages[0]["content"] in shown
    assert text["text"] in shown


def test_a_template_of_the_host_with_one_twin_is_taken():
    assert "coordinates from 0 to 1000" in _prompt("--template", "intern_vl").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--template", "qwen2_vl"], "next: tag_qwen2_vl or tag_qwen2_5_vl"),
        (["--template", "gpt"], "next: one of tag_qwen2_vl, "),
        (["--template", "tag_qwen2_vl", "--image", "gone.jpg"], "gone.jpg"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: list[str], said: str):
    done = _prompt(*words)
    assert isinstance(done.exception, ValueError)
    assert said in str(done.exception)
