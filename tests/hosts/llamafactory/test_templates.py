from dataclasses import fields

import pytest
from llamafactory.data.template import TEMPLATES

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.templates import (
    TAG_TEMPLATES,
    TemplateError,
    add_templates,
    frame_of,
    suggestion,
)

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    ("template", "frame"),
    [
        ("tag_qwen2_vl", BoxFrame.RELATIVE),
        ("tag_qwen2_5_vl", BoxFrame.ABSOLUTE),
        ("tag_qwen3_vl", BoxFrame.RELATIVE),
        ("tag_qwen3_vl_nothink", BoxFrame.RELATIVE),
        ("tag_intern_vl", BoxFrame.RELATIVE),
        ("tag_llava", BoxFrame.RELATIVE),
        ("tag_llava_next", BoxFrame.RELATIVE),
        ("tag_glm4v", BoxFrame.RELATIVE),
        ("tag_glm4_5v", BoxFrame.RELATIVE),
    ],
)
def test_a_template_declares_its_frame(template: str, frame: BoxFrame):
    assert frame_of(template) is frame


def test_the_table_and_the_test_above_name_the_same_templates():
    assert len(TAG_TEMPLATES) == 9


@pytest.mark.parametrize("template", ["qwen2_vl", "tag_unknown", "", None])
def test_other_templates_declare_none(template: str | None):
    with pytest.raises(TemplateError, match="tag_qwen2_5_vl"):
        frame_of(template)


@pytest.mark.parametrize("name", TAG_TEMPLATES)
def test_a_copy_writes_what_its_original_writes(name: str):
    ours, original = TEMPLATES[name], TEMPLATES[TAG_TEMPLATES[name].host]
    assert type(ours) is type(original)
    same = [f.name for f in fields(original) if f.name != "stop_words"]
    assert [getattr(ours, f) for f in same] == [getattr(original, f) for f in same]


@pytest.mark.parametrize("name", TAG_TEMPLATES)
def test_no_stop_word_is_part_of_an_answer(name: str):
    assert not [w for w in TEMPLATES[name].stop_words if w in "<answer></answer>"]


def test_changing_a_copy_leaves_the_original_alone():
    ours, original = TEMPLATES["tag_qwen2_5_vl"], TEMPLATES["qwen2_vl"]
    assert ours.mm_plugin is not original.mm_plugin
    assert ours.format_user is not original.format_user


def test_registering_twice_changes_nothing():
    before = dict(TEMPLATES)
    add_templates(TEMPLATES)
    assert before == TEMPLATES


def test_a_host_without_a_template_lacks_its_twin_alone(capsys: pytest.CaptureFixture[str]):
    registry = {name: each for name, each in TEMPLATES.items() if not name.endswith("intern_vl")}
    add_templates(registry)
    assert set(TAG_TEMPLATES) - set(registry) == {"tag_intern_vl"}
    (line,) = capsys.readouterr().err.splitlines()
    assert "no template tag_intern_vl: this LLaMA-Factory has no intern_vl" in line


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("qwen2_vl", "tag_qwen2_vl or tag_qwen2_5_vl"),
        ("qwen3_vl", "tag_qwen3_vl"),
        ("llama3", "one of tag_qwen2_vl, "),
    ],
)
def test_a_host_template_leads_to_its_twins(template: str, said: str):
    assert suggestion(template).startswith(said)
