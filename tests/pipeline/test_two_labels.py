"""One picture under two labels is named; nothing else is."""

import pytest

from tag_plugin.data.rows import FrameInfo, write_rows
from tag_plugin.pipeline.two_labels import in_words, two_labels
from tests.pipeline.detected_rows import prepared_row

ONE, OTHER, FLAT = "00ff00ff00ff00ff", "00ff00ff00ff00fe", "8000000000000000"


def files(tmp_path, **parts):
    """Rows of (hash, label), part by part."""
    paths = {}
    for part, rows in parts.items():
        paths[part] = tmp_path / f"{part}.jsonl"
        frames = [
            None if digest is None else FrameInfo(side=48, how="whole", phash=digest)
            for digest, _ in rows
        ]
        write_rows(
            paths[part],
            (
                prepared_row(number, part).model_copy(
                    update={"id": f"{part}{number}", "frame": frame, "label": label}
                )
                for number, (frame, (_, label)) in enumerate(zip(frames, rows, strict=True))
            ),
        )
    return paths


@pytest.mark.parametrize(
    ("train", "dev", "named"),
    [
        ([(ONE, "happiness"), (ONE, "anger")], [], [("train1", "train0")]),
        ([(ONE, "happiness")], [(ONE, "anger")], [("dev0", "train0")]),
        ([(ONE, "happiness"), (ONE, "happiness")], [], []),
        ([(ONE, "happiness"), (OTHER, "anger")], [], []),
        ([(FLAT, "happiness"), (FLAT, "anger")], [], []),
        ([(None, "happiness"), (None, "anger")], [], []),
        (
            [(ONE, "happiness"), (None, "fear"), (ONE, "anger"), (ONE, "happiness")],
            [(OTHER, "fear")],
            [("train2", "train0")],
        ),
    ],
)
def test_a_picture_under_two_labels_is_named_with_both(tmp_path, train, dev, named):
    found = two_labels(files(tmp_path, train=train, dev=dev))
    assert [(each.id, each.of) for each in found] == named


def test_a_line_that_is_no_row_is_passed_over(tmp_path):
    paths = files(tmp_path, train=[(ONE, "happiness"), (ONE, "anger")])
    lines = paths["train"].read_text().splitlines()
    paths["train"].write_text("\n".join(["[1]", lines[0], "{", lines[1]]))
    (pair,) = two_labels(paths)
    assert in_words([pair]) == (
        "1 picture stands under two labels: train1 (train) anger, train0 (train) happiness"
    )
