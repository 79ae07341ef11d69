"""A TAG sample's token ids are those of the host's own template for the same messages."""

import json
from pathlib import Path

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt
from tag_plugin.trace.render import render, render_answer
from tests.hosts.llamafactory.host_run import by_image, samples, train_args
from tests.hosts.llamafactory.tag_data import add_entry, row

pytestmark = pytest.mark.host

SYNTH = label_set("synth")


def _write_as_sharegpt(data_dir: Path, texts: list[tuple[str, str]]) -> None:
    """The same conversations and pictures, written out by hand for the host's own converter."""
    rows = [
        {
            "conversations": [
                {"from": "human", "value": "<image>" + prompt},
                {"from": "gpt", "value": reply},
            ],
            "images": [f"synth/{row(index).image}"],
        }
        for index, (prompt, reply) in enumerate(texts)
    ]
    (data_dir / "by_hand.json").write_text(json.dumps(rows))
    columns = {"messages": "conversations", "images": "images"}
    entry = {"file_name": "by_hand.json", "formatting": "sharegpt", "columns": columns}
    add_entry(data_dir, "by_hand", entry)


@pytest.mark.parametrize(
    ("model", "ours", "original", "frame"),
    [
        ("qwen2_5_vl", "tag_qwen2_vl", "qwen2_vl", BoxFrame.RELATIVE),
        ("qwen2_5_vl", "tag_qwen2_5_vl", "qwen2_vl", BoxFrame.ABSOLUTE),
        ("qwen3_vl", "tag_qwen3_vl", "qwen3_vl", BoxFrame.RELATIVE),
        ("qwen3_vl", "tag_qwen3_vl_nothink", "qwen3_vl_nothink", BoxFrame.RELATIVE),
    ],
)
def test_a_tag_sample_is_tokenized_like_the_host_does(
    model: str,
    ours: str,
    original: str,
    frame: BoxFrame,
    data_dir: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
):
    folder = request.getfixturevalue(model)
    prompt = grounded_prompt(SYNTH, frame)
    _write_as_sharegpt(data_dir, [(prompt, render(row(i).trace, frame)) for i in range(8)])
    tag = samples(train_args(folder, data_dir, tmp_path / "o", template=ours))
    hand = samples(
        train_args(folder, data_dir, tmp_path / "o", template=original, dataset="by_hand")
    )
    assert len(tag) == 8
    assert by_image(tag) == by_image(hand)
    assert set(tag[0]) == set(hand[0])


def test_a_label_only_sample_asks_for_the_answer_alone(
    qwen2_5_vl: Path, data_dir: Path, tmp_path: Path
):
    texts = [(label_only_prompt(SYNTH), render_answer(row(i).label)) for i in range(8)]
    _write_as_sharegpt(data_dir, texts)
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="tag_synth_train_label_only")
    hand = train_args(qwen2_5_vl, data_dir, tmp_path / "o", dataset="by_hand", template="qwen2_vl")
    assert by_image(samples(recipe)) == by_image(samples(hand))


def test_a_face_is_64_tokens_of_the_tiny_model(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    from transformers import AutoTokenizer

    pad = AutoTokenizer.from_pretrained(qwen2_5_vl).convert_tokens_to_ids("<|image_pad|>")
    found = samples(train_args(qwen2_5_vl, data_dir, tmp_path / "o"))
    assert {sample["input_ids"].count(pad) for sample in found} == {64}


def test_a_changed_file_is_read_anew(qwen2_5_vl: Path, data_dir: Path, tmp_path: Path):
    recipe = train_args(qwen2_5_vl, data_dir, tmp_path / "o")
    before = samples(recipe)
    path = data_dir / "synth/built/train.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[3:]))
    assert by_image(samples(recipe)) == by_image(before[3:])
