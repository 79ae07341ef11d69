"""Each host template with pictures has a tag_ twin, with its family's box frame or none."""

from dataclasses import fields

import pytest
from llamafactory.data.template import TEMPLATES

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.templates import (
    PREFIX,
    TAG_TEMPLATES,
    TemplateError,
    add_templates,
    declared_frame,
    frame_of,
    host_template,
    read_box_frame,
    suggestion,
)

pytestmark = pytest.mark.host

FRAMES = {
    BoxFrame.RELATIVE: (
        "qwen2_vl qwen3_vl qwen3_vl_nothink qwen3_5 qwen3_5_nothink qwen3_6 qwen3_omni "
        "qwen3_omni_nothink intern_vl intern_s1 minicpm_v minicpm_v_4_6 minicpm_o llava llava_next "
        "llava_next_llama3 llava_next_mistral llava_next_qwen llava_next_yi glm4v glm4_5v"
    ),
    BoxFrame.ABSOLUTE: "qwen2_5_vl qwen2_omni mimo_vl",
    BoxFrame.FRACTION: "kimi_vl",
}
DECLARED = {f"tag_{name}": frame for frame, names in FRAMES.items() for name in names.split()}
TWINS = sorted(name for name in TEMPLATES if name.startswith(PREFIX))
UNDECLARED = sorted(set(TWINS) - set(DECLARED))
ORIGINALS = {name: each for name, each in TEMPLATES.items() if not name.startswith(PREFIX)}


def test_every_host_template_with_pictures_has_a_twin_and_no_other_has():
    pictures = {name for name, each in ORIGINALS.items() if each.mm_plugin.image_token is not None}
    assert {host_template(name) for name in TWINS} == pictures
    assert len(pictures) >= 47


def test_the_established_frames_are_those_of_the_table():
    assert {name: frame_of(name) for name in TAG_TEMPLATES} == DECLARED
    assert set(TAG_TEMPLATES) <= set(TWINS)


@pytest.mark.parametrize("name", UNDECLARED)
def test_a_family_without_an_established_frame_takes_the_recipes_and_needs_one(name: str):
    assert {frame_of(name, frame) for frame in BoxFrame} == set(BoxFrame)
    assert declared_frame(name, None) is None
    with pytest.raises(TemplateError, match="next: box_frame: relative") as error:
        frame_of(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", DECLARED)
def test_another_frame_than_the_familys_is_refused(name: str):
    assert frame_of(name, DECLARED[name]) is DECLARED[name]
    for frame in set(BoxFrame) - {DECLARED[name]}:
        with pytest.raises(TemplateError, match=f"box_frame: {frame} contradicts template"):
            frame_of(name, frame)


@pytest.mark.parametrize("template", ["qwen2_vl", "gemma3", "", None])
def test_other_templates_declare_none(template: str | None):
    with pytest.raises(TemplateError, match="tag_qwen2_5_vl"):
        frame_of(template)
    with pytest.raises(TemplateError):
        frame_of(template, BoxFrame.RELATIVE)
    assert declared_frame(template, BoxFrame.RELATIVE) is None


@pytest.mark.parametrize("value", ["pixels", "", "Relative", "xyxy"])
def test_a_word_that_is_no_frame_is_refused(value: str):
    assert read_box_frame(None) is None
    with pytest.raises(TemplateError, match="is no frame; next: relative"):
        read_box_frame(value)


@pytest.mark.parametrize("name", TWINS)
def test_a_copy_writes_what_its_original_writes(name: str):
    ours, original = TEMPLATES[name], TEMPLATES[host_template(name)]
    assert type(ours) is type(original)
    same = [f.name for f in fields(original) if f.name != "stop_words"]
    assert [getattr(ours, f) for f in same] == [getattr(original, f) for f in same]
    assert not [w for w in ours.stop_words if w in "<answer></answer>"]


def test_changing_a_copy_leaves_the_original_alone():
    ours, original = TEMPLATES["tag_qwen2_5_vl"], TEMPLATES["qwen2_vl"]
    assert ours.mm_plugin is not original.mm_plugin
    assert ours.format_user is not original.format_user


def test_registering_twice_changes_nothing():
    before = dict(TEMPLATES)
    add_templates(TEMPLATES)
    assert before == TEMPLATES


def test_the_twins_follow_from_the_registry(capsys: pytest.CaptureFixture[str]):
    registry = {"llava": TEMPLATES["llava"], "llama3": TEMPLATES["llama3"]}
    registry["next_years"] = TEMPLATES["gemma3"]
    add_templates(registry)
    assert set(registry) == {"llava", "llama3", "next_years", "tag_llava", "tag_next_years"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("qwen2_vl", "tag_qwen2_vl or tag_qwen2_5_vl"),
        ("qwen3_vl", "tag_qwen3_vl"),
        ("gemma3", "tag_gemma3, with box_frame: relative (0..1000), "),
        ("llama3", "one of tag_qwen2_vl, tag_qwen2_5_vl, "),
    ],
)
def test_a_host_template_leads_to_its_twins(template: str, said: str):
    assert suggestion(template, TEMPLATES).startswith(said)
