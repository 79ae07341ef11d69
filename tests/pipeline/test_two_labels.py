"""One picture under two labels is named; nothing else is."""

import pytest

from tag_plugin.data.rows import FrameInfo, write_rows
from tag_plugin.pipeline.duplicates import in_words, two_labels
from tests.pipeline.detected_rows import prepared_row

ONE, ALIKE, OTHER = ("00ff00ff00ff00ff", "a"), ("00ff00ff00ff00ff", "b"), ("00ff00ff00ff00fe", "c")
"""Hash and content of a frame; two frames may look so much alike that their hashes are equal."""
NONE = (None, "a")


def files(tmp_path, **parts):
    """Rows of (frame, label), part by part."""
    paths = {}
    for part, rows in parts.items():
        paths[part] = tmp_path / f"{part}.jsonl"
        made = []
        for number, ((phash, content), label) in enumerate(rows):
            (tmp_path / f"{part}{number}.jpg").write_text(content)
            frame = phash and FrameInfo(side=48, how="whole", phash=phash)
            own = {"id": f"{part}{number}", "image": f"{part}{number}.jpg"}
            changes = {**own, "frame": frame, "label": label}
            made.append(prepared_row(number, part).model_copy(update=changes))
        write_rows(paths[part], made)
    return paths


@pytest.mark.parametrize(
    ("train", "dev", "named"),
    [
        ([(ONE, "happiness"), (ONE, "anger")], [], [("train1", "train0")]),
        ([(ONE, "happiness")], [(ONE, "anger")], [("dev0", "train0")]),
        ([(ONE, "happiness"), (ONE, "happiness")], [], []),
        ([(ONE, "happiness"), (OTHER, "anger")], [], []),
        ([(ALIKE, "happiness"), (ONE, "anger")], [], []),
        ([(NONE, "happiness"), (NONE, "anger")], [], []),
        (
            [(ONE, "happiness"), (NONE, "fear"), (ONE, "anger"), (ONE, "happiness")],
            [(OTHER, "fear")],
            [("train2", "train0")],
        ),
    ],
)
def test_a_picture_under_two_labels_is_named_with_both(tmp_path, train, dev, named):
    found = two_labels(tmp_path, files(tmp_path, train=train, dev=dev))
    assert [(each.id, each.of) for each in found] == named


def test_a_line_that_is_no_row_is_passed_over(tmp_path):
    paths = files(tmp_path, train=[(ONE, "happiness"), (ONE, "anger")])
    lines = paths["train"].read_text().splitlines()
    paths["train"].write_text("\n".join(["[1]", lines[0], "{", lines[1]]))
    (pair,) = two_labels(tmp_path, paths)
    assert in_words([pair]) == (
        "1 picture stands under two labels: train1 (train) anger, train0 (train) happiness"
    )
