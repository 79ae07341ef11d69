"""SFT from the shipped base through LLaMA-Factory makes a model that looks at the picture.

One that learns the texts and ignores the picture has a falling loss, too; the proof is its loss
with another face's picture.
"""

import json
from importlib.util import find_spec

import pytest

from tag_plugin.data.rows import read_rows, write_rows
from tag_plugin.data.synthetic.face_id import parse_face_id
from tag_plugin.data.synthetic.prepare import prepare_synth
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.hosts.paths import recipes_dir
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.tiny import write_base
from tag_plugin.tiny.bf16 import cpu_has_bf16
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render as render_trace
from tests.tiny.looking import Sample, looking

STEPS, FACES, HELD_OUT = 80, 640, 32


def traced(row):
    number = parse_face_id(row.id)
    seen = detections(sample_face(number.seed, number.index))
    return row.model_copy(update={"trace": write_trace(row.label, seen, row.id)})


def held_out():
    prompt = grounded_prompt(label_set("synth"), BoxFrame.ABSOLUTE)
    faces = [sample_face(split_seed(0, "test"), index) for index in range(HELD_OUT)]
    traces = [write_trace(face.emotion, detections(face), "test") for face in faces]
    return [
        Sample(render(face), prompt, render_trace(trace, BoxFrame.ABSOLUTE))
        for face, trace in zip(faces, traces, strict=True)
    ]


@pytest.mark.host
@pytest.mark.slow
@pytest.mark.skipif(find_spec("llamafactory") is None, reason="LLaMA-Factory is not installed")
def test_swapped_pictures_are_much_less_likely_to_the_trained_model(tmp_path):
    import yaml
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from tag_plugin import _autoload

    _autoload.install()
    from llamafactory.train.tuner import run_exp

    prepare_synth(tmp_path / "data", {"train": FACES}, workers=1)
    synth = tmp_path / "data" / "synth"
    write_rows(synth / "built/train.jsonl", map(traced, read_rows(synth / "prepared/train.jsonl")))
    entry = {"tag_synth_train": {"file_name": "synth/built/train.jsonl", "formatting": "tag"}}
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(entry))
    recipe = yaml.safe_load((recipes_dir() / "tiny/tag_sft.yaml").read_text())
    changed = {
        "model_name_or_path": str(write_base(tmp_path / "base")),
        "dataset_dir": str(tmp_path / "data"),
        "dataset": "tag_synth_train",
        "output_dir": str(tmp_path / "sft"),
        "cache_dir": str(tmp_path / "cache"),
        "max_steps": STEPS,
        "plot_loss": False,
        "bf16": cpu_has_bf16(),
    }
    run_exp(recipe | changed)

    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "sft").eval()
    found = looking(model, AutoProcessor.from_pretrained(tmp_path / "sft"), held_out())
    assert found.swapped > found.right + 0.2
