"""The base that ships: small, loadable, 448 stays 448, and it sees before it is fine-tuned."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen2TokenizerFast

from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.render import render
from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import Reference, score_completion
from tag_plugin.tiny import BaseError, shipped, write_base
from tag_plugin.tiny.faces import DrawnFaces, normalised, to_patches
from tag_plugin.tiny.pretrain import chat_ids
from tag_plugin.tiny.pretrain_vision import rotary, vision_tokens
from tag_plugin.tiny.texts import QUESTION, pointing_answer, tokenizer_texts
from tag_plugin.tiny.tokenizer import build_tokenizer
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render as render_trace
from tests.tiny.looking import Sample, looking

PICTURES = [render(sample_face(0, index)) for index in range(4)]
PROMPT = grounded_prompt(label_set("synth"), BoxFrame.ABSOLUTE)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def model(directory):
    return AutoModelForImageTextToText.from_pretrained(directory).eval()


@pytest.fixture(scope="module")
def processor(directory):
    return AutoProcessor.from_pretrained(directory)


def test_the_shipped_base_is_at_most_6_megabytes():
    assert sum(file.stat().st_size for file in shipped.SHIPPED.iterdir()) <= 6_000_000


def test_it_is_qwen2_5_vl_in_float32(directory, model):
    assert type(model).__name__ == "Qwen2_5_VLForConditionalGeneration"
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert sum(weight.numel() for weight in model.parameters()) < 2_900_000
    config = json.loads((directory / "config.json").read_text())
    assert config["architectures"] == ["Qwen2_5_VLForConditionalGeneration"]


def test_writing_it_again_changes_nothing(directory):
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    assert write_base(directory) == directory
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == before


def test_it_overwrites_nothing_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BaseError, match="holds something else"):
        write_base(tmp_path)


def test_a_package_without_a_base_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "nothing")
    with pytest.raises(BaseError, match="tag-plugin tiny pretrain"):
        write_base(tmp_path / "out")


@pytest.mark.parametrize("size", [(448, 448), (100, 100), (900, 900)])
def test_448_stays_448_and_nothing_grows_beyond_it(processor, size):
    picture = Image.fromarray(PICTURES[0]).resize(size)
    grid = processor.image_processor(images=[picture], return_tensors="pt")["image_grid_thw"]
    if size == (448, 448):
        assert grid.tolist() == [[1, 16, 16]]
    assert int(grid.prod()) <= 256


def test_the_batched_tower_sees_what_the_hosts_own_forward_sees(model, processor):
    seen = processor.image_processor(images=PICTURES, return_tensors="pt")
    patches = normalised(torch.from_numpy(np.stack([to_patches(p) for p in PICTURES])))
    assert torch.allclose(seen["pixel_values"], patches.flatten(0, 1), atol=1e-6)
    tower = model.model.visual
    with torch.no_grad():
        expected = tower(seen["pixel_values"], grid_thw=seen["image_grid_thw"])
        found = vision_tokens(tower, patches, *rotary(tower, 256))
    assert torch.allclose(found.flatten(0, 1), expected, atol=1e-3)


def test_the_tokenizer_is_the_one_that_its_texts_make(processor):
    assert isinstance(processor.tokenizer, Qwen2TokenizerFast)
    texts = list(tokenizer_texts())
    assert processor.tokenizer.get_vocab() == build_tokenizer(texts, texts).get_vocab()


def test_the_processor_asks_with_the_ids_that_pretraining_used(processor):
    conversation = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}
    ]
    text = processor.apply_chat_template(conversation, add_generation_prompt=True)
    asked = processor(text=[text], images=[PICTURES[0]], return_tensors="pt").input_ids[0]
    ids, _ = chat_ids(processor.tokenizer, QUESTION, "", 64)
    assert torch.equal(asked, ids[: len(asked)])


def test_the_base_looks_when_it_points(model, processor):
    samples = [
        Sample(
            picture,
            QUESTION,
            pointing_answer(["nose", "lips", "brows"], DrawnFaces(0).boxes(index, [9, 25, 4])),
        )
        for index, picture in enumerate(PICTURES)
    ]
    found = looking(model, processor, samples)
    assert found.swapped > found.right + 0.5


def test_one_sample_cannot_be_swapped(model, processor):
    with pytest.raises(ValueError, match="at least two"):
        looking(model, processor, [Sample(PICTURES[0], QUESTION, "")])


def test_the_base_cannot_do_the_task_yet(model, processor):
    scored = []
    for index, picture in enumerate(PICTURES):
        face = sample_face(0, index)
        ids, _ = chat_ids(processor.tokenizer, PROMPT, "", 64)
        ids = ids[: -len(processor.tokenizer("<|im_end|>\n").input_ids)]
        seen = processor.image_processor(images=[picture], return_tensors="pt")
        out = model.generate(input_ids=ids[None], max_new_tokens=64, do_sample=False, **seen)
        text = processor.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
        reference = Reference(face.emotion, label_set("synth"), detections(face))
        scored.append(score_completion(text, reference, BoxFrame.ABSOLUTE))
    assert not any(score.answer for score in scored)


def test_a_trace_is_hardly_more_likely_to_the_base_with_its_own_picture(model, processor):
    samples = []
    for index, picture in enumerate(PICTURES):
        face = sample_face(0, index)
        trace = write_trace(face.emotion, detections(face), index)
        samples.append(Sample(picture, PROMPT, render_trace(trace, BoxFrame.ABSOLUTE)))
    assert looking(model, processor, samples).right > 2.0
