"""A test set is read from TAG_DATA_DIR; what is missing or spoilt is named."""

import json
import re
from pathlib import Path

import pytest

from tag_plugin.data.rows import dump_row, write_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.documents import (
    columns,
    doc_to_visual,
    read_test_set,
    require_test_files,
)
from tag_plugin.hosts.lmms_eval.errors import WrongConfigurationError
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt
from tests.hosts.lmms_eval.small_data import FACES, row, save_picture, write_dataset

DRAWN = {"faces": "drawn", "seed": 3}
ABSOLUTE = Question(BoxFrame.ABSOLUTE, "a test")


def test_a_document_holds_the_picture_the_label_and_the_one_prompt(data_dir: Path):
    documents = columns(read_test_set("synth"), ABSOLUTE)
    assert documents["id"] == ["synth-0", "synth-1", "synth-2", "synth-3"]
    assert documents["label"] == [label for label, _ in FACES]
    assert set(documents["prompt"]) == {grounded_prompt(LABEL_SETS["synth"], BoxFrame.ABSOLUTE)}
    assert set(documents["frame"]) == {"absolute"}
    assert all(type(value) is str for column in documents.values() for value in column)
    assert doc_to_visual({"image": documents["image"][1]})[0].getpixel((0, 0)) == (60, 100, 90)


def test_a_label_only_model_gets_its_own_question(data_dir: Path):
    question = Question(BoxFrame.RELATIVE, "a test", label_only=True)
    documents = columns(read_test_set("ferplus"), question)
    assert set(documents["prompt"]) == {label_only_prompt(LABEL_SETS["ferplus"])}
    assert set(documents["style"]) == {"direct"}


def test_detections_are_preferred_to_bare_labels(data_dir: Path):
    assert read_test_set("ferplus").rows[0].detections is None
    write_dataset(data_dir, "ferplus", "detected")
    assert read_test_set("ferplus").rows[0].detections is not None


def test_a_changed_file_is_a_changed_test_set(data_dir: Path):
    before = read_test_set("synth")
    write_rows(before.file, before.rows[:1])
    assert len(read_test_set("synth").rows) == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda row, image: ("not JSON", None), r"test\.jsonl:2: Invalid JSON"),
        (lambda row, image: (dump_row(row).replace("happiness", "joy"), None), r"test\.jsonl:2: "),
        (lambda row, image: (None, image.unlink), "row synth-1: .*no such file"),
        (
            lambda row, image: (None, lambda: image.write_bytes(b"x")),
            "row synth-1: .*cannot identify",
        ),
    ],
    ids=["no JSON", "no row", "no picture", "not a picture"],
)
def test_one_bad_row_is_left_out_and_named(data_dir: Path, spoil, reason: str):
    file = data_dir / "synth/detected/test.jsonl"
    line, damage = spoil(row(1), data_dir / "synth/images/test/1.png")
    if line:
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], line, *lines[2:]]))
    if damage:
        damage()
    found = read_test_set("synth")
    assert [each.id for each in found.rows] == ["synth-0", "synth-2", "synth-3"]
    (problem,) = found.problems
    assert re.search(reason, problem)


def test_a_picture_of_another_size_is_refused(data_dir: Path):
    save_picture(data_dir / "synth/images/test/2.png", 2, side=100)
    with pytest.raises(
        WrongConfigurationError,
        match=r"test\.jsonl:3: .* is 100x100 RGB, not a 448",
    ):
        read_test_set("synth")


@pytest.mark.parametrize("text", ["", "x\n"])
def test_a_file_without_a_usable_row_is_refused(data_dir: Path, text: str):
    (data_dir / "synth/detected/test.jsonl").write_text(text)
    with pytest.raises(WrongConfigurationError, match="no usable row"):
        read_test_set("synth")


def test_mixed_label_sets_are_refused(data_dir: Path):
    write_rows(data_dir / "synth/detected/test.jsonl", [row(0), row(1, "ferplus")])
    with pytest.raises(WrongConfigurationError, match="mixes label sets"):
        read_test_set("synth")


@pytest.mark.parametrize(
    ("dataset", "command"),
    [
        ("masked_uncited", "tag-plugin mask RESULTS --out"),
        ("shifted", "tag-plugin mask RESULTS --moved --out"),
        ("synth_redrawn", "tag-plugin prepare synth_redrawn --out"),
    ],
)
def test_faces_that_are_made_of_others_name_what_makes_them(data_dir: Path, dataset, command):
    with pytest.raises(WrongConfigurationError) as caught:
        require_test_files([TagTask(dataset)])
    assert str(caught.value).endswith(f"  {command} {data_dir}")


def test_missing_data_is_one_message_with_the_commands(data_dir: Path):
    with pytest.raises(WrongConfigurationError) as caught:
        require_test_files([TagTask(n) for n in ("synth", "rafdb", "affectnet8", "rafdb")])
    message = str(caught.value)
    assert f"no test data for rafdb, affectnet8 in {data_dir}; there: ferplus, synth;" in message
    assert message.count(f"tag-plugin prepare rafdb --root DIR --out {data_dir}") == 1
    assert "given out on request: http" in message
    assert "is not set" not in message


def test_without_a_variable_it_is_the_folder_data(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TAG_DATA_DIR")
    monkeypatch.chdir(data_dir.parent)
    require_test_files([TagTask("synth")])
    monkeypatch.chdir(data_dir)
    where = rf"{data_dir}/data, which does not exist \(TAG_DATA_DIR is not set\); next:"
    with pytest.raises(WrongConfigurationError, match=where):
        require_test_files([TagTask("synth")])


def test_one_folder_too_deep_is_noticed(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAG_DATA_DIR", str(data_dir / "synth"))
    with pytest.raises(WrongConfigurationError, match=f"name the folder above it, {data_dir}"):
        require_test_files([TagTask("synth")])


def test_data_that_is_there_is_not_complained_about(data_dir: Path):
    require_test_files([TagTask("synth"), TagTask("ferplus")])


def test_the_dev_twin_reads_the_dev_split(data_dir: Path):
    with pytest.raises(WrongConfigurationError, match=r"no test data for synth \(dev\)"):
        read_test_set("synth", "dev")
    file = data_dir / "synth/detected/dev.jsonl"
    write_rows(file, [row(2)])
    assert [each.id for each in read_test_set("synth", "dev").rows] == ["synth-2"]


def test_the_hashes_follow_rows_and_pictures(data_dir: Path):
    before = read_test_set("synth")
    assert read_test_set("synth") == before
    save_picture(data_dir / "synth/images/test/2.png", 3)
    repainted = read_test_set("synth")
    assert repainted.rows_sha256 == before.rows_sha256
    assert repainted.images_sha256 != before.images_sha256
    write_rows(before.file, before.rows[1:])
    assert read_test_set("synth").rows_sha256 != before.rows_sha256


@pytest.mark.parametrize(
    ("settings", "refused"),
    [({"rule": "majority"}, False), ({}, False), ({"rule": "argmax"}, True)],
)
def test_another_label_policy_is_another_benchmark(data_dir: Path, settings, refused):
    (data_dir / "ferplus/prepare.json").write_text(json.dumps({"settings": settings}))
    if refused:
        with pytest.raises(WrongConfigurationError, match="defined for 'majority'; next: "):
            require_test_files([TagTask("ferplus")])
    else:
        assert read_test_set("ferplus").preparation == settings


@pytest.mark.parametrize(
    ("place", "content", "settings"),
    [
        (
            "prepare.json",
            {"settings": {"faces": "drawn", "seed": 3}},
            {"faces": "drawn", "seed": 3},
        ),
        ("prepared/prepare.json", {"version": 1, "seed": 3}, {"faces": "drawn", "seed": 3}),
        (None, None, {}),
    ],
)
def test_the_settings_of_drawn_faces_are_read_where_they_are(data_dir, place, content, settings):
    if place:
        (data_dir / "synth" / place).parent.mkdir(exist_ok=True)
        (data_dir / "synth" / place).write_text(json.dumps(content))
    assert read_test_set("synth").preparation == settings


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": 3}', "\x00"])
def test_a_broken_manifest_is_one_message(data_dir, text):
    (data_dir / "synth/prepare.json").write_text(text)
    with pytest.raises(WrongConfigurationError, match=r"prepare\.json.*next: tag-plugin prepare"):
        require_test_files([TagTask("synth")])


@pytest.mark.parametrize("character", ["\u2028", "\u0085", "\x0b", "\x1c"])
def test_a_separator_inside_a_string_ends_no_row(data_dir, character):
    rows = [row(i).model_copy(update={"identity": f"a{character}b"}) for i in range(2)]
    write_rows(data_dir / "synth/detected/test.jsonl", rows)
    found = read_test_set("synth")
    assert (len(found.rows), found.problems) == (2, ())


@pytest.mark.parametrize("box", [None, [[1], 2, 3, 4], 5, ["1", "2", "30", "40"], {}])
def test_a_row_with_a_bad_box_is_left_out_and_named(data_dir, box):
    file = data_dir / "synth/detected/test.jsonl"
    lines = file.read_text().splitlines()
    broken = json.loads(lines[1])
    broken["detections"]["detections"][0]["box"] = box
    file.write_text("\n".join([lines[0], json.dumps(broken), *lines[2:]]))
    found = read_test_set("synth")
    assert len(found.rows) == 3
    assert re.search(r"test\.jsonl:2: .*box", found.problems[0])


def test_bytes_that_are_no_text_spoil_their_own_row_only(data_dir):
    file = data_dir / "synth/detected/test.jsonl"
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([lines[0], b'{"id": "\xff"}', *lines[2:]]))
    found = read_test_set("synth")
    assert len(found.rows) == 3
    assert "test.jsonl:2: not UTF-8" in found.problems[0]


def test_an_id_twice_is_refused(data_dir: Path):
    write_rows(data_dir / "synth/detected/test.jsonl", [row(0), row(0)])
    with pytest.raises(WrongConfigurationError, match="holds an id twice"):
        read_test_set("synth")
