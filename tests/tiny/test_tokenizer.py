"""The tiny model's tokenizer: any text survives, digits stand alone, phrases are short."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.facs.boxes import GRIDS, BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS, label_set
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.tiny.faces import DrawnFaces
from tag_plugin.tiny.texts import QUESTION, pointing_answer, tokenizer_texts
from tag_plugin.tiny.tokenizer import CONTROL_TOKENS, WORD_TOKENS, build_tokenizer, special_ids
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render

TEXTS = list(tokenizer_texts())
TOKENIZER = build_tokenizer(TEXTS, TEXTS)


@given(st.text(max_size=200))
def test_any_text_survives_the_round_trip(text):
    assert TOKENIZER.decode(TOKENIZER(text).input_ids) == text


@pytest.mark.parametrize(
    "text", ["448", "<bbox>[12,345,67,890]</bbox>", "AU12 + AU4", "x 2026-11-24 ٣"]
)
def test_every_digit_is_a_token_of_its_own(text):
    tokens = [TOKENIZER.decode([i]) for i in TOKENIZER(text).input_ids]
    assert [t for t in tokens if any(c in "0123456789" for c in t)] == [
        c for c in text if c in "0123456789"
    ]


@pytest.mark.parametrize("token", CONTROL_TOKENS + WORD_TOKENS)
def test_qwens_special_tokens_are_one_id(token):
    assert len(TOKENIZER(token).input_ids) == 1
    assert TOKENIZER.decode(TOKENIZER(token).input_ids) == token


def test_only_control_tokens_vanish_from_a_decoded_completion():
    everything = "".join(CONTROL_TOKENS + WORD_TOKENS)
    assert TOKENIZER.decode(TOKENIZER(everything).input_ids, skip_special_tokens=True) == "".join(
        WORD_TOKENS
    )


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=lambda labels: labels.name)
@pytest.mark.parametrize("frame", GRIDS)
def test_the_prompt_is_short(labels, frame):
    assert len(TOKENIZER(grounded_prompt(labels, frame)).input_ids) <= 70


def test_traces_are_about_25_tokens_an_au():
    for index in range(200):
        face = sample_face(0, index)
        trace = write_trace(face.emotion, detections(face), index)
        length = len(TOKENIZER(render(trace, BoxFrame.ABSOLUTE)).input_ids)
        # what is said of neutral alone is not among the phrases of the shipped base
        assert length <= (36 if trace.answer == "neutral" else 20) + 29 * len(trace.inspections)


def test_no_answer_leaks_into_the_pointing_texts():
    texts = QUESTION + pointing_answer(["nose", "lips"], DrawnFaces(0).boxes(0, [9, 25]))
    assert not [label for label in label_set("synth").labels if label in texts]
    assert "AU" not in texts and "<answer>" not in texts


def test_the_tokenizer_is_the_same_every_time():
    again = build_tokenizer(TEXTS, TEXTS)
    assert json.loads(again.backend_tokenizer.to_str()) == json.loads(
        TOKENIZER.backend_tokenizer.to_str()
    )
    assert special_ids(again) == special_ids(TOKENIZER)
