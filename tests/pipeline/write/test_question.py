"""The writer is asked the one prompt, told what was found, and never told the label."""

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS, LabelSet
from tag_plugin.pipeline.write.conversation import question, wording
from tag_plugin.scoring.score import DEFAULT_JUDGE
from tag_plugin.trace.prompt import grounded_prompt
from tests.pipeline.write.replies import ROW

LABELS = LABEL_SETS["ferplus"]
PRESENT = ROW.detections.on(DEFAULT_JUDGE.thresholds)


@pytest.mark.parametrize("frame", list(BoxFrame))
@pytest.mark.parametrize("mode", ["insert", "verify"])
def test_it_begins_with_the_one_prompt(frame, mode):
    assert question(LABELS, frame, mode, PRESENT).startswith(grounded_prompt(LABELS, frame) + "\n")


def test_it_lists_what_was_found_with_boxes_in_the_models_frame():
    relative = question(LABELS, BoxFrame.RELATIVE, "insert", PRESENT)
    assert "- AU4 (brow lowerer), brows: <bbox>[100,200,300,400]</bbox>\n" in relative
    absolute = question(LABELS, BoxFrame.ABSOLUTE, "insert", PRESENT)
    assert "- AU4 (brow lowerer), brows: <bbox>[45,90,134,179]</bbox>\n" in absolute
    assert "AU25" not in relative


def test_it_says_on_which_side_an_au_is_alone():
    sided = [each.model_copy(update={"side": "left"}) for each in PRESENT]
    text = question(LABELS, BoxFrame.RELATIVE, "insert", sided)
    assert "- AU4 (brow lowerer), brows, on the person's left side only: <bbox>" in text


def test_the_modes_differ_in_who_gives_the_boxes():
    assert "Leave the boxes out" in question(LABELS, BoxFrame.RELATIVE, "insert", PRESENT)
    assert "Give the box of each AU" in question(LABELS, BoxFrame.RELATIVE, "verify", PRESENT)


def test_complaints_and_a_face_at_rest():
    text = question(LABELS, BoxFrame.RELATIVE, "insert", (), ["missing answer", "far too long"])
    assert "found no activated AU" in text
    assert text.endswith(
        "An earlier answer was rejected: missing answer; far too long. Follow the format exactly."
    )


def test_an_eliminated_label_is_not_an_option():
    left = LabelSet("ferplus", tuple(label for label in LABELS.labels if label != "fear"))
    assert "fear" not in question(left, BoxFrame.RELATIVE, "insert", PRESENT)


def test_every_wording_has_its_own_hash():
    modes = ("insert", "verify")
    hashes = {wording(frame, mode) for frame in BoxFrame for mode in modes}
    assert len(hashes) == len(modes) * len(BoxFrame)
